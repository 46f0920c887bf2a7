"""How long to wait for an upstream, learned from how long it took before. Pure: every duration is handed in.

Two timers per upstream and band of request size. The first content is timed apart for answers that are waited for
whole and for streams. Between content events only the longest silence of each stream is learned, once, at its end:
the timer that follows is one that at most one stream in a thousand would have come within a third of.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field

from switchover.domain.process import UpstreamSpec

# Bytes of a request, about four to a token: reading a prompt takes longer the longer it is, and up to some thousand
# tokens hardly shows beside the network and the queue. Few bands, so that each fills.
BANDS = (4_096, 32_768, 262_144)

# Seconds the buckets tell apart. Below, no timer changes (the shortest is 5 s); above, none does (the longest is 60 s).
LOWEST = 0.1
HIGHEST = 100.0
# Each bucket reaches a tenth further than the one before.
STEP = 1.1
LOG_STEP = math.log(STEP)
BUCKETS = math.ceil(math.log(HIGHEST / LOWEST) / LOG_STEP) + 1
# A quantile is read anew after so many observations, and stands in between.
READ_EVERY = 32


@dataclass(frozen=True, slots=True)
class Law:
    """How a timer follows from what was seen: the duration that ``one_in`` so many exceed, so many times, clamped.

    ``fewest`` observations are needed: of so many, at least one exceeds the quantile with a probability of 95 %
    (1 - 0.99**300, 1 - 0.999**3000). Fewer have likely not seen the tail that the timer is about.
    """

    one_in: int
    times: float
    least: float
    most: float
    fewest: int

    def seconds(self, quantile: float) -> float:
        """The timer for a quantile."""
        return min(max(quantile * self.times, self.least), self.most)


FIRST = Law(one_in=100, times=2.0, least=5.0, most=60.0, fewest=300)
IDLE = Law(one_in=1000, times=3.0, least=10.0, most=45.0, fewest=3000)


class Durations:
    """Durations in log-spaced buckets, old ones fading: all weights are halved whenever they reach ``full``.

    A quantile is the upper edge of its bucket: between ``LOWEST`` and ``HIGHEST`` it is never below the exact one
    (nearest rank) and at most a tenth above. Beyond those two it is ``LOWEST`` or at least ``HIGHEST``. An observation
    costs one logarithm; the memory is that of 74 floats, however many are seen.
    """

    __slots__ = ("_full", "_weights", "total")

    def __init__(self, full: float = math.inf) -> None:
        self._weights = array("d", bytes(8 * BUCKETS))
        self._full = full
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Counts one."""
        place = 0
        if seconds > LOWEST:
            place = min(math.ceil(math.log(seconds / LOWEST) / LOG_STEP), BUCKETS - 1)
        self._weights[place] += 1.0
        self.total += 1.0
        if self.total >= self._full:
            self._weights = array("d", [weight / 2 for weight in self._weights])
            self.total = sum(self._weights)

    def exceeded_by(self, one_in: int) -> float:
        """The duration that one in so many exceed; 0 when nothing was seen."""
        tail, above = self.total / one_in, 0.0
        for place in range(BUCKETS - 1, -1, -1):
            above += self._weights[place]
            if above > tail:
                return float(LOWEST * STEP**place)
        return 0.0


class Timer:
    """One learned timer. ``seconds`` is None until enough was seen."""

    __slots__ = ("_durations", "_law", "_since", "seconds")

    def __init__(self, law: Law) -> None:
        # Halved at four times the fewest: what is left is still twice as many as are needed.
        self._durations = Durations(4.0 * law.fewest)
        self._law, self._since = law, 0
        self.seconds: float | None = None

    def saw(self, seconds: float) -> None:
        """Learns one duration; one that was cut short counts as long as it lasted."""
        self._durations.add(seconds)
        self._since += 1
        if self._durations.total < self._law.fewest or (self.seconds is not None and self._since < READ_EVERY):
            return
        self._since = 0
        self.seconds = self._law.seconds(self._durations.exceeded_by(self._law.one_in))


@dataclass(slots=True)
class _Kept:
    spec: UpstreamSpec
    timers: dict[tuple[str, int], Timer] = field(default_factory=dict)


class Timers:
    """The learned timers of a worker, by upstream and band. An upstream whose settings changed is learned anew."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def first(self, spec: UpstreamSpec, size: int, *, whole: bool) -> float | None:
        """Seconds to wait for the first content; None until learned. ``whole``: nothing is sent on before the end."""
        timer = self._of(spec).get(("whole" if whole else "first", bisect_left(BANDS, size)))
        return timer.seconds if timer is not None else None

    def idle(self, spec: UpstreamSpec, size: int) -> float | None:
        """Seconds to wait between two content events; None until learned."""
        timer = self._of(spec).get(("idle", bisect_left(BANDS, size)))
        return timer.seconds if timer is not None else None

    def began(self, spec: UpstreamSpec, size: int, seconds: float, *, whole: bool) -> None:
        """The first content came after so long, or was given up after so long."""
        kind, band = "whole" if whole else "first", bisect_left(BANDS, size)
        kept = self._kept.get(spec.name)
        timer = kept.timers.get((kind, band)) if kept is not None and kept.spec is spec else None
        (timer or self._timer(spec, (kind, band), FIRST)).saw(seconds)

    def paused(self, spec: UpstreamSpec, size: int, seconds: float) -> None:
        """The longest silence of one stream."""
        self._timer(spec, ("idle", bisect_left(BANDS, size)), IDLE).saw(seconds)

    def _timer(self, spec: UpstreamSpec, key: tuple[str, int], law: Law) -> Timer:
        timers = self._of(spec)
        timer = timers.get(key)
        if timer is None:
            timer = timers[key] = Timer(law)
        return timer

    def _of(self, spec: UpstreamSpec) -> dict[tuple[str, int], Timer]:
        kept = self._kept.get(spec.name)
        if kept is None or (kept.spec is not spec and kept.spec != spec):
            kept = self._kept[spec.name] = _Kept(spec)
        kept.spec = spec
        return kept.timers
