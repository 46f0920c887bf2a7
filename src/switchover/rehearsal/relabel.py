"""People look at a cell: pairs are shown blinded, marks are saved, and the verdict is drawn again from what is there.

Nothing is replayed for that: the cases are those that a rehearsal left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from switchover.clock import Clock
from switchover.domain.candidate import Cell, ScoredCase, Verdict
from switchover.domain.label import Label, People
from switchover.errors import NotFound, OperatorError
from switchover.evidence import events
from switchover.graders.human import Human
from switchover.store import Store
from switchover.store.labels import labels_of, remove_label, save_label
from switchover.trial.decide import Decision
from switchover.trial.gate import Gate
from switchover.trial.labelling import candidate_left, queue
from switchover.trial.purse import Purse
from switchover.trial.rectified import RectifiedBook
from switchover.trial.replay import Reply

from .among import Among, pace_of
from .order import Order, as_marked
from .under_way import UnderWay

NO_ANSWER = "(no answer)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A request and both answers as a person sees them; ``case`` names it, and nothing says whose is which."""

    case: str
    request: Mapping[str, Any]
    left: str
    right: str


def redecide(order: Order, cell: Cell, *, store: Store, clock: Clock, note: events.Note = events.unnoted) -> Verdict:
    """Draws the cell's verdict again from its cases and labels; saves it, and any proof."""
    trial = _reopened(order, cell, store, clock, note)
    return trial.conclude(trial.judge())


def _reopened(order: Order, cell: Cell, store: Store, clock: Clock, note: events.Note) -> UnderWay:
    order = as_marked(order, store)
    return UnderWay(
        order,
        Among.of(order, store=store, baseline_ask=_nobody, clock=clock, cell=cell),
        store=store,
        grader=Human(),
        clock=clock,
        ask=_nobody,
        anchor=None,
        purse=Purse(None),
        gate=Gate(order.candidate.name, pace_of(order, order.candidate), clock),
        note=note,
        cell=cell,
    )


async def _nobody(request: dict[str, Any]) -> Reply:
    raise AssertionError("nothing is asked when a verdict is drawn again")


class Desk:
    """Where one person looks at the pairs of a cell, one after the other.

    Labels that others give meanwhile count as soon as the next pair is asked for. ``source``: terminal, page or file.
    Raises OperatorError for a process whose cases no people are asked about.
    """

    def __init__(
        self, order: Order, cell: Cell, *, store: Store, clock: Clock, person: str, source: str, note: events.Note
    ) -> None:
        self.cell, self.person, self.source = cell, person, source
        self._store, self._clock, self._note = store, clock, note
        self._trial = _reopened(order, cell, store, clock, note)
        if not isinstance(self._trial.plain.book, RectifiedBook):
            grader = cell.grader.partition(":")[0]
            raise OperatorError(
                f"people are not asked about the answers of {cell.process}: its grader is {grader}",
                mend=f"write processes.{cell.process}.rehearse with grader: human, or rubric with a labels_share",
            )
        self._book = self._trial.plain.book
        planned = self._trial.among.record.planned
        self._cases = {case.id: case for one in planned for case in one.group.cases}
        self._rows = {row.exchange_id: row for row in self._book.rows}
        self._skipped: set[str] = set()
        self.given: list[Label] = []

    def waiting(self) -> list[str]:
        """The cases that this person is to look at, in order; those skipped in this sitting come last."""
        self._book.labels = labels_of(self._store, self.cell.id)
        found = queue(self._book.drawing, self._book.rows, self._book.labels, self.person)
        names = [row.exchange_id for row in found if row.exchange_id in self._cases]
        return sorted(names, key=lambda name: name in self._skipped)

    def next(self) -> Pair | None:
        """The next pair; None when all that is left was skipped, or nothing is left."""
        first = next(iter(self.waiting()), None)
        return None if first is None or first in self._skipped else self.pair(first)

    def pair(self, case: str) -> Pair:
        """A case as this person sees it. Raises NotFound."""
        row = self._row(case)
        recorded = self._cases[case]
        answers = [row.answer or NO_ANSWER, recorded.reference or NO_ANSWER]
        left, right = answers if candidate_left(self.cell.id, case, self.person) else answers[::-1]
        return Pair(case=case, request=recorded.request, left=left, right=right)

    def mark(self, case: str, left: float | None, right: float | None) -> Label:
        """Saves how the person marks the answers as they are shown, 0–1; both None: they can't tell."""
        marks = (left, right) if candidate_left(self.cell.id, case, self.person) else (right, left)
        return self.give(case, *marks)

    def give(self, case: str, candidate: float | None, baseline: float | None) -> Label:
        """Saves the marks of a case. No answer is worth 0, whoever looks. Raises NotFound, OperatorError."""
        row = self._row(case)
        marks = [mark for mark in (candidate, baseline) if mark is not None]
        if len(marks) == 1 or not all(0 <= mark <= 1 for mark in marks):
            raise OperatorError(f"the marks of {case} are not two from 0 to 1", mend="mark both answers, or neither")
        label = Label(
            cell_id=self.cell.id,
            exchange_id=case,
            person=self.person,
            at=self._clock.now(),
            case_at=row.graded_at,
            candidate=0.0 if row.answer is None and marks else candidate,
            baseline=baseline,
            candidate_left=candidate_left(self.cell.id, case, self.person),
            source=self.source,
        )
        save_label(self._store, label)
        self.given.append(label)
        return label

    def skip(self, case: str) -> None:
        """Leaves a case for later, or for somebody else."""
        self._skipped.add(case)

    def undo(self) -> str | None:
        """Takes the last label of this sitting back; returns its case, None where there is none."""
        if not self.given:
            return None
        last = self.given.pop()
        remove_label(self._store, last)
        self._skipped.discard(last.exchange_id)
        return last.exchange_id

    def decide(self) -> Decision:
        """What the cases and labels so far come to; nothing is saved."""
        self._book.labels = labels_of(self._store, self.cell.id)
        return self._book.decide(self._clock.now())

    def progress(self) -> People:
        """How far people have looked, these labels included."""
        people = self.decide().evidence.people
        if people is None:
            raise AssertionError("a book that people look at says how far")
        return people

    def close(self) -> Verdict | None:
        """Draws the verdict again where labels were given, and notes how many; None where none were."""
        if not self.given:
            return None
        people = self.progress()
        self._note(events.labelled(self.cell, len(self.given), people, self.source))
        return self._trial.conclude(self._trial.judge())

    def _row(self, case: str) -> ScoredCase:
        row = self._rows.get(case)
        if row is None or case not in self._cases or not self._book.drawing.is_shown(row):
            raise NotFound(
                f"{case} is no case that people are to look at here", mend="use those that `switchover label` lists"
            )
        return row
