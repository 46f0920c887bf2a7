"""What a run of trials has spent, and whether one more call fits. Money is integer micro-USD. Pure."""

from __future__ import annotations

from collections.abc import Iterable


class Purse:
    """``limit`` None: no limit. ``unknown`` counts calls of which nobody told what they cost.

    Such a call counts as much as the dearest one that is known, and so does one under way. So what is spent exceeds the
    limit by no more than what the calls under way cost more than any before them.
    """

    __slots__ = ("_dearest", "_spent", "limit", "unknown")

    def __init__(self, limit: int | None = None) -> None:
        self.limit, self.unknown = limit, 0
        self._spent = self._dearest = 0

    @property
    def spent(self) -> int | None:
        """What was spent so far; None where no call's price is known."""
        return None if self.unknown and not self._dearest else self._spent

    def fits(self, under_way: int) -> bool:
        """Whether one more case may begin beside those under way."""
        if self.limit is None:
            return True
        return self._spent < self.limit and self._spent + (under_way + 1) * self._dearest <= self.limit

    def pay(self, costs: Iterable[int | None]) -> None:
        """The calls of one case; None: not known."""
        told = list(costs)
        self.unknown += told.count(None)
        known = sum(cost for cost in told if cost is not None)
        self._dearest = max(self._dearest, known)
        self._spent += self._dearest if None in told else known
