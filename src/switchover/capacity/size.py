"""How much of the load an own machine carries: pure arithmetic on measured numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
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


def load_of(moments: Iterable[float]) -> Load:
    """The load of requests that arrived at these moments (Unix seconds)."""
    per_minute = Counter(math.floor(moment / 60) for moment in moments)
    if not per_minute:
        return Load(requests=0, minutes=0, peak_minute=0, p95_minute=0)
    minutes = max(per_minute) - min(per_minute) + 1
    # The nearest-rank percentile; the minutes without requests rank below all counted ones.
    rank = math.ceil(0.95 * minutes) - (minutes - len(per_minute))
    counts = sorted(per_minute.values())
    return Load(
        requests=sum(counts),
        minutes=minutes,
        peak_minute=counts[-1],
        p95_minute=counts[rank - 1] if rank >= 1 else 0,
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
