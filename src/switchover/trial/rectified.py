"""A cell that people look at: what its judge says of every case, set right by them where they looked.

Two books are kept. The judge's holds every case and may say PROVISIONAL at most. The people's holds cases up to the
first that waits for a label, each with its rectified value; it alone says READY. Once people have begun it alone says
NOT READY, and where it leans that way nothing is PROVISIONAL either. Where people are the grader there is no judge, and
the people's book is all there is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from switchover.domain.candidate import ScoredCase, State
from switchover.domain.label import Label, People
from switchover.domain.process import RehearsalTerms
from switchover.stats import rectify

from .book import Book
from .decide import Decision, Value, difference
from .labelling import Drawing
from .looked import Looked


class Open(Protocol):
    """Opens a book of the cell over some rows."""

    def __call__(
        self,
        rows: Iterable[ScoredCase],
        *,
        calibrated: bool,
        value: Value = difference,
        reach: float = 1.0,
        lacking: tuple[str, ...] = (),
    ) -> Book:
        """The book."""
        ...


class RectifiedBook:
    """A book as :class:`~.book.Book`, of a cell whose cases are drawn for people; ``labels`` are those so far."""

    def __init__(
        self,
        terms: RehearsalTerms,
        rows: Iterable[ScoredCase],
        labels: Sequence[Label],
        *,
        drawing: Drawing,
        open_book: Open,
    ) -> None:
        self._terms, self.labels, self.drawing, self._open = terms, labels, drawing, open_book
        self._judged = open_book(rows, calibrated=False)
        self._looked: Looked | None = None

    @property
    def rows(self) -> list[ScoredCase]:
        """The cell's cases so far, in order of grading."""
        return self._judged.rows

    def add(self, row: ScoredCase) -> None:
        """One more case."""
        if self._judged.graded_at(row.exchange_id) is not None:
            self._looked = None
        elif self._looked is not None:
            self._looked.add(row)
        self._judged.add(row)

    def decide(self, now: float) -> Decision:
        """The verdict at ``now`` (Unix seconds)."""
        looked = self._looked
        if looked is None or looked.labels != list(self.labels):
            looked = self._looked = Looked(self.drawing, self.labels, self.rows, self._open_seen)
        seen = looked.decide(now)
        people = self._people(looked, seen)
        return self._with(people, self._combined(seen, people, now))

    def _open_seen(self, value: Value) -> Book:
        return self._open([], calibrated=True, value=value, reach=rectify.reach(self.drawing.share))

    def _combined(self, seen: Decision, people: People, now: float) -> Decision:
        enough, doubted = people.waiting >= people.budget, bool(people.labelled) and self._is_doubted(seen)
        # What was replayed again waits for its label, and a ledger that has shrunk for that says nothing against.
        seen = replace(seen, holds_until=now if doubted else None)
        if self._terms.grader == "human" or seen.state in (State.READY, State.NOT_READY):
            return replace(seen, lasts=seen.lasts or enough)
        judged = self._judged.decide(now)
        settled = judged.lasts or judged.state is State.NOT_READY
        if doubted or (people.labelled and judged.state is State.NOT_READY):
            return replace(seen, lasts=enough)
        told = tuple(f"as people see it: {reason}" for reason in seen.evidence.reasons) if people.labelled else ()
        evidence = replace(judged.evidence, reasons=(*judged.evidence.reasons, *told))
        return replace(
            judged,
            evidence=evidence,
            lasts=settled and enough,
            holds_until=None if people.labelled else judged.holds_until,
        )

    def _is_doubted(self, seen: Decision) -> bool:
        """True where what people saw so far is, on average, worse than the margin allows: the judge is not believed."""
        mean = seen.evidence.overall.mean_difference
        return mean is not None and mean < -self._terms.margin

    def _with(self, people: People, decision: Decision) -> Decision:
        return replace(decision, evidence=replace(decision.evidence, people=people, **self._judged.judging()))

    def _people(self, looked: Looked, seen: Decision) -> People:
        return People(
            share=self.drawing.share,
            drawn=looked.drawn,
            labelled=looked.labelled,
            unclear=looked.unclear,
            counted=looked.counted,
            needed=_needed(looked, seen),
            budget=self._terms.label_budget,
            agreement=looked.agreement,
        )


def _needed(looked: Looked, seen: Decision) -> int | None:
    """Labels until READY: replays still needed at this rate, and how many of them people have to look at."""
    replays = 0 if seen.state is State.READY else seen.evidence.still_needed
    if replays is None or not looked.counted:
        return None
    return math.ceil(replays * looked.looked_at / looked.counted)
