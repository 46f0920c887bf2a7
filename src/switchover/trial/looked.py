"""The ledger that people's labels bear, as cases come: which of them count, and how far people have looked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import takewhile

from switchover.domain.candidate import ScoredCase
from switchover.domain.label import Label
from switchover.graders.human import WAITING
from switchover.stats import rectify

from .book import Book
from .decide import MOST_UNGRADED, Decision, Value, difference
from .labelling import BLOCK, Drawing, agreement, in_time

UNCLEAR = "people could not tell"


class Looked:
    """Cases in the order in which they were graded; ``open_book`` opens the book of those that count, by their value.

    ``drawn`` counts the cases that people are to look at, ``labelled`` and ``unclear`` those that they did;
    ``counted`` is how many are in the book, ``looked_at`` how many of these a person had to see.
    """

    def __init__(
        self,
        drawing: Drawing,
        labels: Sequence[Label],
        rows: Iterable[ScoredCase],
        open_book: Callable[[Value], Book],
    ) -> None:
        self.labels, self.agreement = list(labels), agreement(labels)
        self.drawn = self.labelled = self.unclear = self.counted = self.looked_at = 0
        self._drawing, self._by_case = drawing, in_time(labels)
        self._first: dict[str, Label] = {}
        self._cannot_tell = 0
        self._book = open_book(self._value)
        self._queue: deque[ScoredCase] = deque()
        # The last cases, fewer than a block: their order is not settled before the block is whole.
        self._block: list[ScoredCase] = []
        self._tail: list[ScoredCase] = []
        for row in rows:
            self.add(row)

    def add(self, row: ScoredCase) -> None:
        """One more case, of an exchange that has none yet."""
        label = self._by_case.get((row.exchange_id, row.graded_at))
        if label is not None:
            self._first[row.exchange_id] = label
            self._cannot_tell += label.difference is None
        if row.exchange_id in self._drawing.keys and self._drawing.is_shown(row):
            self.drawn += 1
            if label is not None:
                self.labelled += 1
                self.unclear += label.difference is None
        self._block.append(row)
        if len(self._block) == BLOCK:
            self._take_back()
            self._queue += self._drawing.in_order(self._block)
            self._block = []

    def decide(self, now: float) -> Decision:
        """The verdict of the cases that count at ``now`` (Unix seconds): in order, up to the first that waits."""
        self._take_back()
        while self._queue and not self._waits(self._queue[0]):
            self._count(self._queue.popleft(), 1)
        if not self._queue:
            self._tail = list(takewhile(lambda row: not self._waits(row), self._drawing.in_order(self._block)))
            for row in self._tail:
                self._count(row, 1)
        self._book.lacking = self._lacking()
        return self._book.decide(now)

    def _take_back(self) -> None:
        for row in self._tail:
            self._count(row, -1)
        self._tail = []

    def _waits(self, row: ScoredCase) -> bool:
        return row.exchange_id not in self._first and self._drawing.is_shown(row)

    def _count(self, row: ScoredCase, times: int) -> None:
        self.counted += times
        self.looked_at += times * self._drawing.is_shown(row)
        if times > 0:
            self._book.add(_as_people_see(row, self._first.get(row.exchange_id)))
        else:
            self._book.remove(row.exchange_id)

    def _value(self, row: ScoredCase) -> float | None:
        """r of a case; d_J alone where nobody was to look."""
        judged = difference(row)
        if judged is None or not self._drawing.is_shown(row):
            return judged
        seen = self._first[row.exchange_id].difference
        return None if seen is None else rectify.rectified(judged, seen, self._drawing.share)

    def _lacking(self) -> tuple[str, ...]:
        """Of the cases looked at, too many were unclear: so many would be unclear among those not drawn."""
        unclear, of = self._cannot_tell, len(self._first)
        if not of or unclear / of <= MOST_UNGRADED:
            return ()
        return (f"{UNCLEAR} in {unclear} of {of} cases; at most 5 % may be unclear",)


def _as_people_see(row: ScoredCase, label: Label | None) -> ScoredCase:
    """A case that waited for people, with the marks that they gave; others as they are."""
    if row.candidate is not None or row.reason != WAITING or label is None:
        return row
    reason = UNCLEAR if label.difference is None else ""
    return replace(row, candidate=label.candidate, baseline=label.baseline, reason=reason)
