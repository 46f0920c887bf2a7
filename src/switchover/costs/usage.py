"""What a process uses in a month, from its record hour by hour. Pure; floats, as it only feeds the simulation.

An hour without a request counts as one without use, unless it lies in a silence longer than a long weekend: that is a
gap, which is named and left out, and never counted as nothing used.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, stdev
from typing import Protocol

HOURS_PER_MONTH = 730.5  # a twelfth of a Julian year
WEEK_H = 168
DAY_H = 24
# A long weekend from Thursday evening to Tuesday morning; what is silent for longer is taken for a gap.
LONGEST_SILENCE_H = 108
# So many weeks tell a trend from noise; fewer leave growth to an assumption.
WEEKS_OF_TREND = 8
SHORTEST_H = 1 / 60
# A month's level is never known better than this: the next month is another one.
LEAST_ERROR = 0.02


class Hour(Protocol):
    """An hour (since 1970, UTC) with what was counted in it."""

    @property
    def hour(self) -> int: ...  # noqa: D102
    @property
    def exchanges(self) -> int: ...  # noqa: D102
    @property
    def metered(self) -> int: ...  # noqa: D102
    @property
    def input(self) -> int: ...  # noqa: D102
    @property
    def cached_input(self) -> int: ...  # noqa: D102
    @property
    def output(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageModel:
    """A month of one process. Tokens are means a month; ``cached`` is among ``input``.

    ``peak_ratio`` is the p95 hour's load over the mean hour's, ``week`` the load of each hour of the week (Monday
    00:00 UTC first) over the mean; ``growth`` is the share a month between its ends; None: the record is too short.
    ``error`` is the standard deviation of the level as a share, None where the record is too short to tell.
    ``hours`` were seen between ``first`` and ``last`` (Unix seconds); ``gaps`` name what was not.
    """

    process: str
    calls: float
    input: float
    cached: float
    output: float
    peak_ratio: float | None
    week: tuple[float, ...]
    growth: tuple[float, float, float] | None
    error: float | None
    hours: float
    first: float
    last: float
    confidence: str
    gaps: tuple[str, ...]


def usage_of(process: str, rows: Sequence[Hour], first: float, last: float) -> UsageModel:
    """The model of a process with these hours, whose requests came between these moments (Unix seconds).

    Raises ValueError where no exchange tells what it used.
    """
    metered, exchanges = sum(row.metered for row in rows), sum(row.exchanges for row in rows)
    if not metered:
        raise ValueError("no exchange tells what it used")
    gaps = []
    if metered < exchanges:
        gaps.append(f"{exchanges - metered} of {exchanges} exchanges tell no usage: taken to use what the others do")
    loads = _by_hour(rows)
    silences, silent = _silences(sorted(loads))
    gaps += [f"nothing recorded for {hours / DAY_H:.0f} days: a gap, not a time without use" for hours in silences]
    seen = max((last - first) / 3600 - sum(silences), SHORTEST_H)
    if seen < WEEK_H:
        gaps.append(f"only {_long(seen)} recorded: no whole week, so nights and weekends are not known")
    spent = sum(loads.values()) or 1.0
    monthly = _monthly(loads, seen, silent) / spent
    whole = exchanges / metered
    weeks = _weeks(loads, silent)
    return UsageModel(
        process=process,
        calls=exchanges * monthly,
        input=sum(row.input for row in rows) * whole * monthly,
        cached=sum(row.cached_input for row in rows) * whole * monthly,
        output=sum(row.output for row in rows) * whole * monthly,
        peak_ratio=_peak(loads, silent) if seen >= DAY_H else None,
        week=_week(loads, silent) if seen >= WEEK_H else (),
        growth=_growth(weeks),
        error=_error(weeks),
        hours=seen,
        first=first,
        last=last,
        confidence=_confidence(seen),
        gaps=tuple(gaps),
    )


def _by_hour(rows: Iterable[Hour]) -> dict[int, float]:
    """Load per hour in tokens, read and written; where none is told, in requests."""
    found: defaultdict[int, float] = defaultdict(float)
    for row in rows:
        found[row.hour] += row.input + row.output if row.metered else row.exchanges
    return dict(found)


def _silences(hours: Sequence[int]) -> tuple[list[int], set[int]]:
    """The lengths of silences that are gaps, and the hours in them."""
    found, within = [], set[int]()
    for before, after in pairwise(hours):
        if after - before - 1 > LONGEST_SILENCE_H:
            found.append(after - before - 1)
            within.update(range(before + 1, after))
    return found, within


def _series(loads: dict[int, float], silent: set[int]) -> list[tuple[int, float]]:
    """Every hour that was seen, with its load."""
    return [(hour, loads.get(hour, 0.0)) for hour in range(min(loads), max(loads) + 1) if hour not in silent]


def _monthly(loads: dict[int, float], seen: float, silent: set[int]) -> float:
    """Load of a month. With a whole week, each hour of the week counts alike, however often it was seen."""
    if seen < WEEK_H:
        return sum(loads.values()) / seen * HOURS_PER_MONTH
    return sum(_of_week(loads, silent)) / WEEK_H * HOURS_PER_MONTH


def _of_week(loads: dict[int, float], silent: set[int]) -> list[float]:
    """Mean load of each hour of the week; one that was never seen counts as the mean of the others."""
    found: list[list[float]] = [[] for _ in range(WEEK_H)]
    for hour, load in _series(loads, silent):
        found[_hour_of_week(hour)].append(load)
    mean = fmean(fmean(one) for one in found if one)
    return [fmean(one) if one else mean for one in found]


def _hour_of_week(hour: int) -> int:
    # 1970 began on a Thursday.
    return (hour + 3 * DAY_H) % WEEK_H


def _week(loads: dict[int, float], silent: set[int]) -> tuple[float, ...]:
    found = _of_week(loads, silent)
    mean = fmean(found) or 1.0
    return tuple(load / mean for load in found)


def _peak(loads: dict[int, float], silent: set[int]) -> float:
    """The p95 hour (nearest rank) over the mean hour, at least 1."""
    found = sorted(load for _, load in _series(loads, silent))
    return max(1.0, found[math.ceil(0.95 * len(found)) - 1] / (fmean(found) or 1.0))


def _weeks(loads: dict[int, float], silent: set[int]) -> list[tuple[int, float]]:
    """Whole weeks, counted from the first hour, with their load; one that a gap lies in is none."""
    begin, found = min(loads), defaultdict[int, list[float]](list)
    for hour, load in _series(loads, silent):
        found[(hour - begin) // WEEK_H].append(load)
    return [(week, sum(one)) for week, one in sorted(found.items()) if len(one) == WEEK_H and sum(one) > 0]


def _growth(weeks: Sequence[tuple[int, float]]) -> tuple[float, float, float] | None:
    """Growth a month by least squares on the logarithm of the weeks, with two standard errors either way."""
    if len(weeks) < WEEKS_OF_TREND:
        return None
    at, level = [float(week) for week, _ in weeks], [math.log(load) for _, load in weeks]
    middle, mean = fmean(at), fmean(level)
    spread = sum((x - middle) ** 2 for x in at)
    slope = sum((x - middle) * (y - mean) for x, y in zip(at, level, strict=True)) / spread
    left = sum((y - mean - slope * (x - middle)) ** 2 for x, y in zip(at, level, strict=True))
    error = 2 * math.sqrt(left / (len(weeks) - 2) / spread)
    per_month = HOURS_PER_MONTH / WEEK_H
    return tuple(math.expm1(one * per_month) for one in (slope - error, slope, slope + error))  # type: ignore[return-value]


def _error(weeks: Sequence[tuple[int, float]]) -> float | None:
    if len(weeks) < 2:
        return None
    loads = [load for _, load in weeks]
    return max(LEAST_ERROR, stdev(loads) / fmean(loads) / math.sqrt(len(loads)))


def _confidence(hours: float) -> str:
    weeks = hours / WEEK_H
    if weeks >= WEEKS_OF_TREND:
        return "good: eight weeks or more"
    return "fair: weeks, and no trend" if weeks >= 2 else "low: days" if hours >= DAY_H else "very low: less than a day"


def _long(hours: float) -> str:
    return (
        f"{hours / DAY_H:.1f} days"
        if hours >= DAY_H
        else f"{hours:.1f} hours"
        if hours >= 1
        else f"{hours * 60:.0f} min"
    )
