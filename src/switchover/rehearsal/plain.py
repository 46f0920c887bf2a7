"""The cell's own ledger: recorded requests, asked again as they were."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from switchover.clock import Clock
from switchover.domain.candidate import Cell, ScoredCase, State
from switchover.domain.exchange import Exchange
from switchover.domain.ports import Grader, Question
from switchover.domain.process import RehearsalTerms
from switchover.graders import DETERMINISTIC
from switchover.store import Store
from switchover.trial.book import Book
from switchover.trial.decide import Decision
from switchover.trial.gate import Gate
from switchover.trial.grade import grade
from switchover.trial.replay import Ask, Reply, ask_in_time
from switchover.trial.sample import Planned

from .record import Record
from .samples import Samples
from .track import Played, Track

Anchor = Callable[[Exchange], str | None]


def is_settled(decision: Decision) -> bool:
    """True when further replays would not change what is concluded.

    The estimate of replays still needed is shown and not acted on: taken after the first 60 replays it would give up
    on one equal candidate in seven, and the budget ends the others anyway.
    """
    return decision.state is State.NOT_READY or decision.lasts


class Plain(Track):
    """Replays through ``gate``; the verdict is that of its ``book``."""

    def __init__(
        self,
        cell: Cell,
        terms: RehearsalTerms,
        record: Record,
        *,
        seed: int,
        timeout: float,
        store: Store,
        grader: Grader,
        clock: Clock,
        ask: Ask,
        gate: Gate,
        samples: Samples,
        anchor: Anchor | None,
        was_ready: bool,
    ) -> None:
        super().__init__(cell.id, store, clock, terms.half_life)
        self._terms, self._record, self._seed, self._was_ready = terms, record, seed, was_ready
        self._timeout, self._grader, self._clock, self._anchor = timeout, grader, clock, anchor
        self._ask, self._gate, self._samples = ask, gate, samples
        self.book = self._book()

    def _book(self) -> Book:
        return Book(
            self._terms,
            self.rows,
            topics=self._record.topics,
            traffic=self._record.traffic,
            keys=self._record.keys,
            slice_share=self._record.slice_share,
            seed=self._seed,
            calibrated=self._terms.grader in DETERMINISTIC,
            was_ready=self._was_ready,
        )

    async def play(self, planned: Planned) -> Played:
        """Asks the baseline again, where that is needed and was not done, and the candidate; grades both."""
        case = planned.case
        second, costs = None, list[int | None]()
        if not self._grader.by_merit:
            second, cost = await self._samples.of(case)
            costs.append(cost)
        reply, asked = Reply(None), False
        if case.reference is not None and (second is not None or self._grader.by_merit):
            self.calls, asked = self.calls + 1, True
            reply = await self._gate.through(lambda: ask_in_time(self._ask, case.request, self._timeout, self._clock))
        plain = self._anchor(case.exchange) if self._anchor is not None else None
        graded = await grade(self._grader, reply, second, Question(case.reference, case.request), plain)
        row = ScoredCase(
            cell_id=self.id,
            exchange_id=case.exchange.id,
            graded_at=self._clock.now(),
            candidate=graded.candidate,
            baseline=graded.baseline,
            reason=graded.reason,
            slices=case.slices,
            topic=self._record.topics[case.exchange.id],
            seconds=reply.seconds,
            answer=reply.text,
            anchor=graded.anchor,
        )
        return Played(row, (*costs, reply.cost) if asked else tuple(costs), asked)

    def take(self, rows: Sequence[ScoredCase]) -> None:
        """The turn of these has come: the book has them, too."""
        before = len(self.rows)
        super().take(rows)
        if len(self.rows) == before + len(rows):
            for row in rows:
                self.book.add(row)
        else:
            # Some were replayed before, longer than a half-life ago.
            self.book = self._book()
