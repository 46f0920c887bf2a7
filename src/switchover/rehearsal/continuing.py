"""The cut-and-continue cases of a rehearsal: a ledger of its own beside the cell's, which stays what it would be."""

from __future__ import annotations

from collections.abc import Sequence

from switchover.clock import Clock
from switchover.domain.candidate import Cell, Continuation, Continuing, ScoredCase, State, digest
from switchover.domain.ports import Grader, Question
from switchover.domain.process import RehearsalTerms
from switchover.graders import DETERMINISTIC
from switchover.stats.noninferiority import DAY
from switchover.store import Store
from switchover.store.trials import save_score, scored_cases
from switchover.trial.continuing import Continuer, is_drawn, sent_of, without_break
from switchover.trial.decide import STANDS_DAYS, decide_continuing
from switchover.trial.grade import grade
from switchover.trial.replay import Reply, ask_in_time
from switchover.trial.sample import Planned

READY = (State.READY, State.PROVISIONAL)
NO_WAY = Continuing(
    state=State.UNPROVEN, way=None, evidence=None, reason="its kind of engine can't go on with an answer"
)
NOT_SHOWN = Continuing(
    state=State.UNPROVEN, way=None, evidence=None, reason="people are not asked how broken answers were continued"
)


class CutCases:
    """Cases in which the baseline's recorded answer is cut by seed and the candidate goes on with it in one way.

    Another way is another ledger: nothing is inherited. ``before`` is the last verdict on this.
    """

    def __init__(
        self,
        cell: Cell,
        terms: RehearsalTerms,
        seed: int,
        timeout: float,
        store: Store,
        grader: Grader,
        clock: Clock,
        continuer: Continuer,
        way: Continuation,
        before: Continuing | None,
    ) -> None:
        self.id = digest([cell.id, "continuing", way.value])
        self.calls = 0
        self.rows = scored_cases(store, self.id)
        self._terms, self._seed, self._timeout = terms, seed, timeout
        self._store, self._grader, self._clock = store, grader, clock
        self._continuer, self._way = continuer, way
        self._was_ready = before is not None and before.way is way and before.state in (*READY, State.EXPIRED)
        self.judged = self.judge()

    @property
    def is_settled(self) -> bool:
        """True when further cases would not change what is concluded."""
        judged = self.judged
        if judged.state is State.NOT_READY:
            return True
        newest = max((row.graded_at for row in self.rows), default=0.0)
        return judged.expires_at is not None and judged.expires_at >= newest + STANDS_DAYS * DAY

    def drawn(self, batch: Sequence[Planned]) -> list[Planned]:
        """Those of a round that are replayed cut, too."""
        return [planned for planned in batch if is_drawn(planned.case, self._seed)]

    def pending(self, batch: Sequence[Planned]) -> list[Planned]:
        """Those of them whose copy group was not replayed cut within a half-life."""
        since = self._clock.now() - self._terms.half_life * DAY
        done = {row.exchange_id for row in self.rows if row.graded_at > since}
        return [p for p in self.drawn(batch) if not any(case.exchange.id in done for case in p.group.cases)]

    async def play(self, planned: Planned, second: str | None, topic: int) -> None:
        """Lets the candidate go on, grades the joined text and saves the case.

        ``second`` is the baseline's second sample, None where there is none.
        """
        case, self.calls = planned.case, self.calls + 1
        sent, reference = sent_of(case, self._seed), case.reference or ""

        async def go_on(request: dict[str, object]) -> Reply:
            return await self._continuer.ask(request, sent, self._way)

        reply = await ask_in_time(go_on, case.request, self._timeout, self._clock)
        graded = await grade(
            self._grader, reply, without_break(sent, reference, second), Question(reference, case.request)
        )
        row = ScoredCase(
            cell_id=self.id,
            exchange_id=case.exchange.id,
            graded_at=self._clock.now(),
            candidate=graded.candidate,
            baseline=graded.baseline,
            reason=graded.reason,
            slices=case.slices,
            topic=topic,
            seconds=reply.seconds,
            answer=reply.text,
            judge_calls=graded.calls,
            judge_nusd=graded.nusd,
        )
        save_score(self._store, row)
        self.rows.append(row)

    def judge(self) -> Continuing:
        """The verdict on this as the ledger stands; kept as ``judged``."""
        self.judged = decide_continuing(
            self.rows,
            self._terms,
            self._clock.now(),
            way=self._way,
            calibrated=self._terms.grader in DETERMINISTIC,
            was_ready=self._was_ready,
        )
        return self.judged
