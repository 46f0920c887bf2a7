"""A cell that people look at: what its judge says of every case, set right by them where they looked.

Two books are kept. The judge's holds every case and may say PROVISIONAL at most. The people's holds cases up to the
first that waits for a label, each with its rectified value; it alone says READY. Once people have begun it alone says
NOT READY, and where it leans that way nothing is PROVISIONAL either. Where people are the grader there is no judge, and
the people's book is all there is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from switchover.domain.candidate import ScoredCase, State
from switchover.domain.label import Label, People
from switchover.domain.process import RehearsalTerms
from switchover.graders.human import WAITING
from switchover.stats import rectify

from .book import Book
from .decide import MOST_UNGRADED, Decision, Value, difference, judging
from .labelling import Drawing, agreement, counted, first_labels

UNCLEAR = "people could not tell"


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

    @property
    def rows(self) -> list[ScoredCase]:
        """The cell's cases so far, in order of grading."""
        return self._judged.rows

    def add(self, row: ScoredCase) -> None:
        """One more case."""
        self._judged.add(row)

    def decide(self, now: float) -> Decision:
        """The verdict at ``now`` (Unix seconds)."""
        first = first_labels(self.labels, self.rows)
        rows = counted(self.drawing, self.rows, first)
        seen = self._open(
            [_as_people_see(row, first) for row in rows],
            calibrated=True,
            value=lambda row: self._value(row, first),
            reach=rectify.reach(self.drawing.share),
            lacking=_unclear(first.values()),
        ).decide(now)
        people = self._people(first, rows, seen)
        return self._with(people, self._combined(seen, people, now))

    def _combined(self, seen: Decision, people: People, now: float) -> Decision:
        enough = people.waiting >= people.budget
        if self._terms.grader == "human" or seen.state in (State.READY, State.NOT_READY):
            return replace(seen, lasts=seen.lasts or enough)
        judged = self._judged.decide(now)
        settled = judged.lasts or judged.state is State.NOT_READY
        if people.labelled and (judged.state is State.NOT_READY or self._is_doubted(seen)):
            return replace(seen, lasts=enough)
        told = tuple(f"as people see it: {reason}" for reason in seen.evidence.reasons) if people.labelled else ()
        evidence = replace(judged.evidence, reasons=(*judged.evidence.reasons, *told))
        return replace(judged, evidence=evidence, lasts=settled and enough)

    def _is_doubted(self, seen: Decision) -> bool:
        """True where what people saw so far is, on average, worse than the margin allows: the judge is not believed."""
        mean = seen.evidence.overall.mean_difference
        return mean is not None and mean < -self._terms.margin

    def _with(self, people: People, decision: Decision) -> Decision:
        evidence = replace(decision.evidence, people=people, **judging(self.rows))
        return replace(decision, evidence=evidence)

    def _value(self, row: ScoredCase, first: Mapping[str, Label]) -> float | None:
        """r of a case; d_J alone where nobody was to look."""
        judged = difference(row)
        if judged is None or not self.drawing.is_shown(row):
            return judged
        seen = first[row.exchange_id].difference
        return None if seen is None else rectify.rectified(judged, seen, self.drawing.share)

    def _people(self, first: Mapping[str, Label], rows: Sequence[ScoredCase], seen: Decision) -> People:
        on_record = [row for row in self.rows if row.exchange_id in self.drawing.keys]
        shown = [row.exchange_id for row in on_record if self.drawing.is_shown(row)]
        labelled = [first[name] for name in shown if name in first]
        return People(
            share=self.drawing.share,
            drawn=len(shown),
            labelled=len(labelled),
            unclear=sum(label.difference is None for label in labelled),
            counted=len(rows),
            needed=self._needed(rows, seen),
            budget=self._terms.label_budget,
            agreement=agreement(self.labels),
        )

    def _needed(self, rows: Sequence[ScoredCase], seen: Decision) -> int | None:
        """Labels until READY: replays still needed at this rate, and how many of them people have to look at."""
        replays = 0 if seen.state is State.READY else seen.evidence.still_needed
        if replays is None or not rows:
            return None
        return math.ceil(replays * sum(self.drawing.is_shown(row) for row in rows) / len(rows))


def _as_people_see(row: ScoredCase, first: Mapping[str, Label]) -> ScoredCase:
    """A case that waited for people, with the marks that they gave; others as they are."""
    label = first.get(row.exchange_id)
    if row.reason != WAITING or label is None:
        return row
    reason = UNCLEAR if label.difference is None else ""
    return replace(row, candidate=label.candidate, baseline=label.baseline, reason=reason)


def _unclear(first: Iterable[Label]) -> tuple[str, ...]:
    """Of the cases looked at, too many were unclear: so many would be unclear among those not drawn."""
    labels = list(first)
    unclear = sum(label.difference is None for label in labels)
    if not labels or unclear / len(labels) <= MOST_UNGRADED:
        return ()
    return (f"{UNCLEAR} in {unclear} of {len(labels)} cases; at most 5 % may be unclear",)
