"""What a worker counts about its requests. Pure bookkeeping: counting one is a handful of additions.

Every label value comes from the configuration or from our own code, never from a caller: so their number is bounded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from switchover.domain.exchange import AttemptRecord, Outcome, Usage

from .metric_table import BOUNDS_S, GAP_BOUNDS_S, LAG_BOUNDS_S


class Histogram:
    """Counts per bucket, the last one without bound, and the sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...] = BOUNDS_S) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Counts one value."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds


class Gaps:
    """Counts the gaps between the reads of one stream that brought content, into a histogram of GAP_BOUNDS_S."""

    __slots__ = ("_at", "_elapsed", "_gaps")

    def __init__(self, gaps: Histogram, elapsed: Callable[[], float]) -> None:
        self._gaps, self._elapsed, self._at = gaps, elapsed, elapsed()

    def step(self) -> None:
        """Content has come."""
        now = self._elapsed()
        gap, self._at = now - self._at, now
        # As Histogram.add, without the call: this is the one thing that a chunk pays for being measured.
        gaps = self._gaps
        gaps.counts[bisect_left(GAP_BOUNDS_S, gap)] += 1
        gaps.total += gap

    def restart(self) -> None:
        """The next gap counts from here: what lies before was not the upstream's doing."""
        self._at = self._elapsed()


class Sample(NamedTuple):
    """One value of a metric, with its labels' values in the metric's order."""

    metric: str
    labels: tuple[str, ...]
    value: float | Histogram


class Served:
    """What is counted together: one process, one upstream (or none, where none answered) and one dialect."""

    __slots__ = (
        "attempts",
        "cached",
        "duration",
        "errors",
        "failovers",
        "first",
        "gaps",
        "input",
        "outcomes",
        "output",
        "reasoning",
        "retries",
        "tries",
        "written",
    )

    def __init__(self) -> None:
        self.outcomes: defaultdict[Outcome, int] = defaultdict(int)
        self.errors: defaultdict[tuple[str, bool], int] = defaultdict(int)
        self.attempts = self.retries = self.failovers = 0
        self.input = self.output = self.cached = self.written = self.reasoning = 0
        self.duration, self.first, self.tries = Histogram(), Histogram(), Histogram()
        self.gaps = Histogram(GAP_BOUNDS_S)


class Metrics:
    """The counters of one worker; used from its event loop only."""

    def __init__(self) -> None:
        self.open = self.streams = 0
        self.lag = Histogram(LAG_BOUNDS_S)
        self._served: dict[tuple[str, str, str], Served] = {}
        self._alarms: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._private: defaultdict[tuple[str, tuple[str, ...]], int] = defaultdict(int)

    def alarm(self, upstream: str, fault: str) -> None:
        """An answer that a person should look at."""
        self._alarms[upstream, fault] += 1

    def raised(self, process: str, level: str) -> None:
        """A request was found to hold data of a more sensitive class than its process declares."""
        self._private["switchover_data_class_raised_total", (process, level)] += 1

    def detection_failed(self, process: str) -> None:
        """Nobody could look for personal data in a request."""
        self._private["switchover_detection_failures_total", (process,)] += 1

    def redaction_failed(self, process: str, reason: str) -> None:
        """The bodies of an exchange were not kept, as they could not be redacted: failed, busy, or the worker ended."""
        self._private["switchover_redaction_failures_total", (process, reason)] += 1

    def refused(self, dialect: str) -> None:
        """A request was refused before it was known whose it is or what it asks for."""
        self._of("", "", dialect).outcomes[Outcome.REJECTED] += 1

    def ended(
        self,
        process: str,
        upstream: str,
        dialect: str,
        outcome: Outcome,
        elapsed: float,
        attempts: Sequence[AttemptRecord],
        *,
        switched: bool = False,
        first: float | None = None,
        usage: Usage | None = None,
    ) -> None:
        """Counts one request that ended.

        ``first``: seconds to the first content, of a streamed answer only.
        """
        served = self._of(process, upstream, dialect)
        served.outcomes[outcome] += 1
        served.duration.add(elapsed)
        if first is not None:
            served.first.add(first)
        if usage is not None:
            served.input += usage.input
            served.output += usage.output
            served.cached += usage.cached_input
            served.written += usage.written_input
            served.reasoning += usage.reasoning
        if switched:
            served.failovers += 1
        before = ""
        for one in attempts:
            tried = served if one.upstream == upstream else self._of(process, one.upstream, dialect)
            tried.attempts += 1
            tried.tries.add(one.elapsed_ms / 1000)
            if one.fault is not None:
                tried.errors[one.fault, one.cut_off is not None] += 1
            if one.upstream == before:
                tried.retries += 1
            before = one.upstream

    def gaps(self, process: str, upstream: str, dialect: str) -> Histogram:
        """Where the gaps of a stream are counted while it runs."""
        return self._of(process, upstream, dialect).gaps

    def samples(self) -> Iterator[Sample]:
        """Everything counted so far."""
        yield Sample("switchover_open_requests", (), self.open)
        for labels, count in self._alarms.items():
            yield Sample("switchover_alarms_total", labels, count)
        for (name, said), count in self._private.items():
            yield Sample(name, said, count)
        yield Sample("switchover_open_streams", (), self.streams)
        yield Sample("switchover_event_loop_lag_seconds", (), self.lag)
        for key, served in self._served.items():
            for outcome, count in served.outcomes.items():
                yield Sample("switchover_requests_total", (*key, outcome.value), count)
            for (fault, drilled), count in served.errors.items():
                yield Sample("switchover_errors_total", (*key, fault, str(drilled).lower()), count)
            for name, histogram in (
                ("switchover_request_duration_seconds", served.duration),
                ("switchover_first_content_seconds", served.first),
                ("switchover_chunk_gap_seconds", served.gaps),
                ("switchover_attempt_duration_seconds", served.tries),
            ):
                if any(histogram.counts):
                    yield Sample(name, key, histogram)
            for kind, tokens in (
                ("input", served.input),
                ("cached_input", served.cached),
                ("written_input", served.written),
                ("output", served.output),
                ("reasoning", served.reasoning),
            ):
                if tokens:
                    yield Sample("switchover_tokens_total", (*key, kind), tokens)
            if key[1]:
                yield Sample("switchover_attempts_total", key, served.attempts)
                yield Sample("switchover_retries_total", key, served.retries)
                yield Sample("switchover_failovers_total", key, served.failovers)

    def _of(self, process: str, upstream: str, dialect: str) -> Served:
        key = process, upstream, dialect
        served = self._served.get(key)
        if served is None:
            served = self._served[key] = Served()
        return served
