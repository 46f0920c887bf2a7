"""The cut-and-continue cases of a rehearsal: a ledger of its own beside the cell's, which stays what it would be."""

from __future__ import annotations

from collections.abc import Sequence

from switchover.clock import Clock
from switchover.domain.candidate import Cell, Continuation, Continuing, State, digest
from switchover.domain.ports import Grader, Question
from switchover.domain.process import RehearsalTerms
from switchover.graders import TRUSTED
from switchover.stats.noninferiority import DAY
from switchover.store import Store
from switchover.trial.continuing import Continuer, is_drawn, sent_of, without_break
from switchover.trial.decide import STANDS_DAYS, decide_continuing
from switchover.trial.gate import Gate
from switchover.trial.grade import grade
from switchover.trial.record import Record
from switchover.trial.replay import Reply, ask_in_time
from switchover.trial.sample import Planned

from .samples import Samples
from .track import Played, Track, judge_cost

READY = (State.READY, State.PROVISIONAL)
NO_WAY = Continuing(
    state=State.UNPROVEN, way=None, evidence=None, reason="its kind of engine can't go on with an answer"
)
NOT_SHOWN = Continuing(
    state=State.UNPROVEN, way=None, evidence=None, reason="people are not asked how broken answers were continued"
)


class CutCases(Track):
    """Cases in which the baseline's recorded answer is cut by seed and the candidate goes on with it in one way.

    Another way is another ledger: nothing is inherited. ``before`` is the last verdict on this.
    """

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
        continuer: Continuer,
        way: Continuation,
        gate: Gate,
        samples: Samples,
        before: Continuing | None,
    ) -> None:
        super().__init__(digest([cell.id, "continuing", way.value]), store, clock, terms.half_life)
        self._terms, self._record, self._seed, self._timeout = terms, record, seed, timeout
        self._grader, self._clock, self._gate, self._samples = grader, clock, gate, samples
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

    async def play(self, planned: Planned) -> Played:
        """Lets the candidate go on and grades the joined text.

        The second sample is asked for even where the plain ledger is clear: which cases have one must not depend on
        what else was replayed.
        """
        case, request = planned.case, planned.case.request
        second, costs = None, list[int | None]()
        if not self._grader.by_merit:
            second, cost = await self._samples.of(case)
            costs.append(cost)
        self.calls += 1
        sent, reference = sent_of(case, self._seed), case.reference or ""

        async def go_on(asked: dict[str, object]) -> Reply:
            return await self._continuer.ask(asked, sent, self._way)

        reply = await self._gate.through(lambda: ask_in_time(go_on, request, self._timeout, self._clock))
        graded = await grade(self._grader, reply, without_break(sent, reference, second), Question(reference, request))
        kind = self._record.kinds[case.id]
        row = self._scored(case, kind, graded, reply, self._clock.now(), counts=True)
        return Played(row, (*costs, reply.cost, *judge_cost(graded)), asked=True)

    def judge(self) -> Continuing:
        """The verdict on this as the ledger stands; kept as ``judged``."""
        self.judged = decide_continuing(
            self.rows,
            self._terms,
            self._clock.now(),
            way=self._way,
            calibrated=self._terms.grader in TRUSTED,
            was_ready=self._was_ready,
        )
        return self.judged
