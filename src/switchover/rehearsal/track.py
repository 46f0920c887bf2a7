"""One ledger's way through the plan: which cases are still to be replayed in it, in rounds of fixed places."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from switchover.clock import Clock
from switchover.domain.candidate import ScoredCase
from switchover.stats.noninferiority import DAY
from switchover.store import Store
from switchover.store.trials import scored_cases, waiting_cases
from switchover.trial.cases import Case
from switchover.trial.coverage import Kind
from switchover.trial.grade import Graded
from switchover.trial.replay import Reply
from switchover.trial.sample import Planned

# Cases between two looks. Not the concurrency: how many run at once must not change which cases count.
ROUND = 8


class Track(ABC):
    """``id`` is the ledger's; ``rows`` are its cases so far, ``waiting`` those scored ahead of their turn.

    ``calls`` are those of the candidate in this run. A case is pending while none of its copy group was replayed within
    ``half_life`` (days).
    """

    def __init__(self, id: str, store: Store, clock: Clock, half_life: float) -> None:
        self.id = id
        self.calls = 0
        since = clock.now() - half_life * DAY
        self.rows = scored_cases(store, id)
        self.waiting = {name: row for name, row in waiting_cases(store, id).items() if row.graded_at > since}
        self._known = {row.exchange_id for row in self.rows}
        self._done = {row.exchange_id for row in self.rows if row.graded_at > since}

    def drawn(self, batch: Sequence[Planned]) -> list[Planned]:
        """Those of a round that belong in this ledger."""
        return list(batch)

    def pending(self, batch: Sequence[Planned]) -> list[Planned]:
        """Those of them that are still to be replayed."""
        return [p for p in self.drawn(batch) if not any(case.id in self._done for case in p.group.cases)]

    def is_half_done(self, batch: Sequence[Planned]) -> bool:
        """True for a round that is finished before anything is concluded: some of it was replayed, some was not."""
        return 0 < len(self.pending(batch)) < len(self.drawn(batch))

    def take(self, rows: Sequence[ScoredCase]) -> None:
        """The turn of these has come: they count, in the place of what was replayed of the same exchange before."""
        names = {row.exchange_id for row in rows}
        if names & self._known:
            self.rows = [row for row in self.rows if row.exchange_id not in names]
        self.rows += rows
        self._done |= names
        self._known |= names
        for name in names:
            self.waiting.pop(name, None)

    @abstractmethod
    async def play(self, planned: Planned) -> Played:
        """Replays and grades one case. Raises PutOff."""

    def _scored(self, case: Case, kind: Kind, graded: Graded, reply: Reply, at: float, *, counts: bool) -> ScoredCase:
        """What is saved of a case that was graded ``at`` (Unix seconds)."""
        return ScoredCase(
            cell_id=self.id,
            exchange_id=case.id,
            graded_at=at,
            candidate=graded.candidate,
            baseline=graded.baseline,
            reason=graded.reason,
            remark=graded.remark,
            slices=case.slices,
            topic=kind.topic,
            seconds=reply.seconds,
            answer=reply.text,
            anchor=graded.anchor,
            counts=counts,
            frame=kind.frame,
            judge_calls=graded.calls,
            judge_nusd=graded.nusd,
        )


@dataclass(frozen=True, slots=True)
class Played:
    """A case that was scored: ``costs`` of the calls that it took, and whether the candidate was ``asked``."""

    row: ScoredCase
    costs: tuple[int | None, ...]
    asked: bool


def judge_cost(graded: Graded) -> tuple[int | None, ...]:
    """What judging a case cost, in micro-USD and never too little; nothing where no judge was asked."""
    if not graded.calls:
        return ()
    return (None if graded.nusd is None else -(-graded.nusd // 1_000),)
