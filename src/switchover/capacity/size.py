"""How much of the load an own machine carries: pure arithmetic on measured numbers."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Recorded arrivals. ``peak_minute`` and ``p95_minute`` count requests in the busiest and the p95 minute.

    Minutes without a request, between the first and the last, count as 0.
    """

    requests: int
    minutes: int
    peak_minute: int
    p95_minute: int


class Arrivals:
    """Requests by the minute in which they came, an hour at a time: a year of them takes 5 MB."""

    def __init__(self) -> None:
        self._hours: dict[int, array[int]] = {}

    def add(self, moment: float) -> None:
        """One came at this moment (Unix seconds)."""
        hour, minute = divmod(math.floor(moment / 60), 60)
        counts = self._hours.get(hour)
        if counts is None:
            counts = self._hours[hour] = array("L", [0] * 60)
        counts[minute] += 1

    def add_hour(self, hour: int, minutes: Iterable[int]) -> None:
        """So many came in each minute of an hour (since 1970)."""
        counts = self._hours.setdefault(hour, array("L", [0] * 60))
        for minute, count in enumerate(minutes):
            counts[minute] += count

    def load(self) -> Load:
        """All of them as a load."""
        counts: Counter[int] = Counter()
        first = last = None
        for hour in sorted(self._hours):
            for minute, count in enumerate(self._hours[hour]):
                if count:
                    counts[count] += 1
                    last = hour * 60 + minute
                    first = last if first is None else first
        return load_of_minutes(counts, 0 if first is None or last is None else last - first + 1)


def load_of(moments: Iterable[float]) -> Load:
    """The load of requests that arrived at these moments (Unix seconds)."""
    arrivals = Arrivals()
    for moment in moments:
        arrivals.add(moment)
    return arrivals.load()


def load_of_minutes(counts: Mapping[int, int], minutes: int) -> Load:
    """The load of so many minutes, of which ``counts`` tells how many had how many requests; the others had none."""
    busy = sum(counts.values())
    # The nearest-rank percentile; the minutes without requests rank below all counted ones.
    rank = math.ceil(0.95 * minutes) - (minutes - busy)
    p95 = 0
    for count in sorted(counts):
        if rank >= 1:
            p95 = count
        rank -= counts[count]
        if rank <= 0:
            break
    return Load(
        requests=sum(count * of_them for count, of_them in counts.items()),
        minutes=minutes,
        peak_minute=max(counts, default=0),
        p95_minute=p95,
    )


def carried(seconds_per_reply: float | None, slots: int) -> float | None:
    """Replies a minute that a candidate gives with all its slots busy; None without a measurement.

    ``seconds_per_reply`` is what one reply took while the others were busy too, as a rehearsal measures it.
    """
    if seconds_per_reply is None or seconds_per_reply <= 0:
        return None
    return 60.0 / seconds_per_reply * slots


def share_carried(per_minute: float | None, minute: int) -> float | None:
    """The share (0–1) of a minute's requests that is answered within it; None when either is not known."""
    if per_minute is None or minute <= 0:
        return None
    return min(1.0, per_minute / minute)
