"""When a budget will be used up, by what is settled and its recent rate. Pure; money is in micro-USD.

Projected is what is settled and, for the time that is left, what was spent in each second of the recent past: the last
seven days of a month, so that a weekend is in it as it is in what comes, and the last three hours of a day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from switchover.domain.budget import Period

from .budget import Span

RECENT_S: Mapping[Period, float] = {"day": 3 * 3600.0, "month": 7 * 86_400.0}
# Seen so often: 96 times a day, and four times on each day of a month.
SLOT_S: Mapping[Period, float] = {"day": 900.0, "month": 6 * 3600.0}
# Less of a period says too little of the rest of it: an hour of a day, 29 hours of a month.
TELLING_SHARE = 0.04
# What was spent in fewer of the stretches between two looks may have been one call.
FEWEST_STRETCHES = 3


class Seen(NamedTuple):
    """What was settled at a moment (Unix seconds) of the period."""

    at: float
    settled: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """``total`` is what is projected for the whole period; None: too early to say.

    ``ends_at``: when the budget is used up; None: not within the period, or too early to say.
    """

    total: int | None = None
    ends_at: float | None = None


def slot_of(period: Span, kind: Period, now: float) -> int:
    """The number of the part of the period that ``now`` is in; what is settled is kept once in each."""
    return int((now - period.begin) // SLOT_S[kind])


def forecast(limit: int, settled: int, kind: Period, period: Span, now: float, seen: Sequence[Seen]) -> Forecast:
    """What becomes of a budget of which so much is settled; ``seen`` is in the order of time."""
    if settled >= limit:
        return Forecast(ends_at=now)
    recent = _recent(kind, period, now, seen)
    if not recent:
        return Forecast()
    points = [*recent, Seen(now, settled)]
    watched = now - points[0].at
    # An invoice may have corrected what was settled: that is no negative spending.
    spent = [max(after.settled - before.settled, 0) for before, after in pairwise(points)]
    if watched < TELLING_SHARE * (period.end - period.begin) or sum(one > 0 for one in spent) < FEWEST_STRETCHES:
        return Forecast()
    total = settled + int(sum(spent) * (period.end - now) / watched)
    ends = now + watched * (limit - settled) / sum(spent)
    return Forecast(total, ends if ends < period.end else None)


def _recent(kind: Period, period: Span, now: float, seen: Sequence[Seen]) -> list[Seen]:
    """From the last look before the recent past on, or the first that there was in it."""
    since = max(now - RECENT_S[kind], period.begin)
    before = [one for one in seen if period.begin <= one.at <= since]
    return [*before[-1:], *(one for one in seen if since < one.at < now)]
