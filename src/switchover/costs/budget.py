"""A budget: reserved, then settled. Pure bookkeeping in integer micro-USD; nothing here waits, asks or knows the time.

A worker reserves a call's upper bound against leases that it holds, before the first byte leaves. What it has settled
and reserved stands in ``counts``, which may be memory that outlives the worker.
"""

from __future__ import annotations

import calendar
from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from switchover.domain.budget import Period
from switchover.domain.process import Budget

Counts = MutableSequence[int] | memoryview
# Places in a lease's counts; the last is 1 where the cap is soft, so that more may be reserved than was granted.
SETTLED, RESERVED, UNKNOWN, SOFT = 0, 1, 2, 3
# Characters of a month's name, such as 2026-11.
MONTH = 7
MARKS = (50, 80, 95, 100)
# Of ten parts of what was needed a second ago, so many are kept.
FADING = 7
# What is left that nobody needs at once is given out in such a part, so that no worker hoards the last of it.
SHARE = 8


class Span(NamedTuple):
    """A period: its name (``2026-11``, ``2026-11-25``), and when it begins and ends in Unix seconds."""

    name: str
    begin: float
    end: float


def span(period: Period, now: float) -> Span:
    """The period that ``now`` (Unix seconds) is in, by UTC."""
    at = datetime.fromtimestamp(now, UTC)
    if period == "day":
        begin = calendar.timegm((at.year, at.month, at.day, 0, 0, 0))
        return Span(f"{at:%Y-%m-%d}", begin, begin + 86_400)
    year, month = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)
    return Span(
        f"{at:%Y-%m}", calendar.timegm((at.year, at.month, 1, 0, 0, 0)), calendar.timegm((year, month, 1, 0, 0, 0))
    )


def amount(budget: Budget, period: Period) -> int | None:
    """The cap over a period; None: none."""
    return budget.day if period == "day" else budget.month


class Lease:
    """What one worker may spend of one budget in one period, as far as the ledger has granted it.

    ``free`` is what may still be reserved; below zero where calls cost more than they could have, or the cap is soft.
    ``left`` is what nobody holds, ``settled``, ``unknown`` and ``leased`` what all have, as the ledger said last.
    ``needed``: what calls wait for. ``peak``: the most that was reserved at once, fading.
    """

    __slots__ = (
        "at_cap", "budget", "counts", "free", "granted", "hard", "heard_at", "leased", "left", "limit", "needed",
        "pace", "peak", "reserved", "returned", "settled", "span", "spent", "told", "told_returned", "unknown",
    )  # fmt: skip

    def __init__(self, budget: str, period: Span, limit: int, counts: Counts, *, hard: bool, at_cap: str) -> None:
        self.budget, self.span, self.limit, self.counts, self.hard, self.at_cap = (
            budget, period, limit, counts, hard, at_cap,
        )  # fmt: skip
        if not hard:
            counts[SOFT] = 1
        self.granted = self.returned = self.spent = self.reserved = self.free = 0
        self.settled = self.unknown = self.leased = self.needed = self.peak = self.pace = 0
        # What is left, as the ledger said at ``heard_at`` on the monotonic clock.
        self.left, self.heard_at = 0, float("-inf")
        # How much of what was spent and given back the ledger knows.
        self.told = self.told_returned = 0

    @property
    def period(self) -> Period:
        """Whether it is a day's or a month's."""
        return "day" if len(self.span.name) > MONTH else "month"

    def ask(self, *, over: bool = False, cut_off: bool = False) -> Ask:
        """What to tell the ledger and to ask of it. What is idle is given back: from here on it is not spent.

        ``over``: the period is, so that all goes back. ``cut_off``: the ledger does not answer, so that nothing does.
        """
        self.pace = max(self.spent - self.told, self.pace * FADING // 10)
        headroom = 0 if over else max(self.needed, self.peak - self.reserved) + 2 * self.pace
        self.peak = max(self.reserved, self.peak * FADING // 10)
        if self.free > 2 * headroom and not cut_off:
            self.returned += self.free - headroom
            self.free = headroom
        return Ask(
            budget=self.budget, period=self.span.name, limit=self.limit if self.hard else None, settled=self.spent,
            unknown=self.counts[UNKNOWN], returned=self.returned, need=max(self.needed - self.free, 0),
            want=max(headroom - self.free, 0),
        )  # fmt: skip

    def tells_more(self, ask: Ask) -> bool:
        """Whether the ledger does not know all of this yet, or something is wanted of it."""
        return ask.want > 0 or ask.need > 0 or ask.settled != self.told or ask.returned != self.told_returned

    def hear(self, asked: Ask, told: Told, at: float) -> None:
        """Takes what the ledger said to ``asked``; what was spent meanwhile it does not know yet."""
        self.granted, self.told, self.told_returned, self.heard_at = told.granted, asked.settled, asked.returned, at
        self.free = self.granted - self.returned - self.spent - self.reserved
        self.settled, self.unknown, self.leased = told.settled, told.unknown, told.leased
        self.left = max(self.limit - told.settled - told.leased, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A worker's word on one lease. ``settled``, ``unknown`` (of it) and ``returned`` count from the lease's beginning,
    so that saying it twice changes nothing. ``limit`` None: it may be crossed. Of ``want``, ``need`` is waited for.
    """

    budget: str
    period: str
    limit: int | None
    settled: int
    unknown: int
    returned: int
    need: int
    want: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The ledger's word: what the lease was granted so far, and what all have settled and hold.

    ``closed``: the lease is at an end, whoever holds it.
    """

    granted: int
    settled: int
    unknown: int
    leased: int
    closed: bool = False


def grant(ask: Ask, settled: int, leased: int) -> int:
    """How much more a lease gets, where so much is settled and leased: never more than is left."""
    if ask.limit is None:
        return ask.want
    left = max(ask.limit - settled - leased, 0)
    return min(max(ask.need, min(ask.want, left // SHARE)), left)


def reserve(leases: Sequence[Lease], bound: int) -> Lease | None:
    """Reserves ``bound`` in all leases, or in none of them and returns the one that it does not fit."""
    for one in leases:
        if one.free < bound and one.hard:
            return one
    for one in leases:
        one.free -= bound
        one.reserved += bound
        one.counts[RESERVED] = one.reserved
        if one.reserved > one.peak:
            one.peak = one.reserved
    return None


def settle(leases: Sequence[Lease], bound: int, cost: int, *, unknown: bool = False) -> None:
    """Puts what a call did cost in the place of what was reserved for it.

    Whoever reads the counts between two of these lines finds too much in them, never too little.
    """
    for one in leases:
        one.spent += cost
        one.counts[SETTLED] = one.spent
        if unknown:
            one.counts[UNKNOWN] += cost
        one.reserved -= bound
        one.counts[RESERVED] = one.reserved
        one.free += bound - cost


def mark_reached(limit: int, settled: int) -> int | None:
    """The highest mark, in percent of the cap, that what is settled has reached."""
    return max((mark for mark in MARKS if settled * 100 >= mark * limit), default=None)
