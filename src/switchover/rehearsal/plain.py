"""The cell's own ledger: recorded requests, asked again as they were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from switchover.clock import Clock
from switchover.domain.candidate import Cell, ScoredCase, State
from switchover.domain.exchange import Exchange
from switchover.domain.ports import Grader, Question
from switchover.domain.process import RehearsalTerms
from switchover.graders import TRUSTED
from switchover.store import Store
from switchover.store.labels import labels_of
from switchover.trial.book import Book
from switchover.trial.decide import Decision
from switchover.trial.gate import Gate
from switchover.trial.grade import grade
from switchover.trial.labelling import Drawing
from switchover.trial.record import Record
from switchover.trial.rectified import RectifiedBook
from switchover.trial.replay import Ask, Reply, ask_in_time
from switchover.trial.sample import Planned

from .samples import Samples
from .track import Played, Track, judge_cost

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
        self.rows = [record.as_declared(row) for row in self.rows]
        self.waiting = {name: record.as_declared(row) for name, row in self.waiting.items()}
        self._record, self._timeout, self._grader, self._clock = record, timeout, grader, clock
        self._ask, self._gate, self._samples, self._anchor = ask, gate, samples, anchor
        self.book = self._open(store, terms, was_ready)

    def _open(self, store: Store, terms: RehearsalTerms, was_ready: bool) -> Book | RectifiedBook:
        """The cell's book; where people look at its cases, too, theirs beside the judge's."""
        record = self._record
        open_book = partial(
            Book,
            terms,
            kinds=record.kinds,
            traffic=record.traffic,
            examples=record.examples,
            was_ready=was_ready,
        )
        if not terms.labels_share:
            return open_book(self.rows, calibrated=terms.grader in TRUSTED)
        keys = {case.id: case.key for planned in record.planned for case in planned.group.cases}
        drawing = Drawing(self.id, terms.labels_share, keys)
        return RectifiedBook(terms, self.rows, labels_of(store, self.id), drawing=drawing, open_book=open_book)

    async def play(self, planned: Planned) -> Played:
        """Asks the baseline again, where that is needed and was not done, and the candidate; grades both."""
        case, request = planned.case, planned.case.request
        second, costs = None, list[int | None]()
        if not self._grader.by_merit:
            second, cost = await self._samples.of(case)
            costs.append(cost)
        reply, asked = Reply(None), False
        if case.reference is not None and (second is not None or self._grader.by_merit):
            self.calls, asked = self.calls + 1, True
            reply = await self._gate.through(lambda: ask_in_time(self._ask, request, self._timeout, self._clock))
        plain = self._anchor(case.exchange) if self._anchor is not None else None
        graded = await grade(self._grader, reply, second, Question(case.reference, request), plain)
        kind = self._record.kinds[case.id]
        row = self._scored(case, kind, graded, reply, self._clock.now(), counts=planned.counts)
        return Played(row, (*costs, *([reply.cost] if asked else []), *judge_cost(graded)), asked)

    def take(self, rows: Sequence[ScoredCase]) -> None:
        """The turn of these has come: the book has them, too."""
        super().take(rows)
        for row in rows:
            self.book.add(row)
