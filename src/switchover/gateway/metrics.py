"""What a worker counts about its requests. Pure bookkeeping: counting one is a handful of additions.

Every label value comes from the configuration or from our own code, never from a caller: so their number is bounded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from switchover.domain.exchange import AttemptRecord, Outcome

# From what the gateway itself takes to the longest an attempt may (failover.py, LAST_ATTEMPT_S).
BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 180.0, 600.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name without what the format adds, its labels beside ``worker``, and what it says."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    labels: tuple[str, ...]
    says: str


PAUSED_UNTIL = "switchover_credential_paused_until_seconds"
SERVED = ("process", "upstream", "dialect")
METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "switchover_requests_total", "counter", "requests", (*SERVED, "outcome"),
            "Requests that ended, by how. The upstream is the one that answered, empty when none did; "
            "the process is empty when the request was refused before it was understood.",
        ),
        Metric("switchover_open_requests", "gauge", "requests", (), "Requests admitted and not ended yet."),
        Metric(
            "switchover_request_duration_seconds", "histogram", "seconds", SERVED,
            "From the request's head to the end of its answer, whatever the outcome.",
        ),
        Metric(
            "switchover_first_content_seconds", "histogram", "seconds", SERVED,
            "From the request's head to the first content of a streamed answer, failed attempts included.",
        ),
        Metric(
            "switchover_stream_mean_gap_seconds", "histogram", "seconds", SERVED,
            "The mean time between the chunks of a streamed answer, once per answer of two chunks or more.",
        ),
        Metric("switchover_attempts_total", "counter", "attempts", SERVED, "Attempts that ended, well or not."),
        Metric(
            "switchover_errors_total", "counter", "attempts", (*SERVED, "fault", "drilled"),
            "Attempts that failed, or answered too slowly or too much, by fault; drilled is true for those that met a "
            "drill's cut-off.",
        ),
        Metric(
            "switchover_retries_total", "counter", "attempts", SERVED,
            "Attempts at the upstream that had just failed the same request.",
        ),
        Metric(
            "switchover_failovers_total", "counter", "requests", SERVED,
            "Requests answered by another upstream than the process's baseline.",
        ),
        Metric(
            "switchover_breaker_state", "gauge", "state", ("upstream", "scope"),
            "The breaker an upstream hangs on, by scope: 0 closed, 1 half-open, 2 open, 3 held. Drills have their own.",
        ),
        Metric(
            "switchover_breaker_reason", "gauge", "always 1", ("upstream", "scope", "fault"),
            "The fault that opened a breaker, while it is not closed.",
        ),
        Metric(
            PAUSED_UNTIL, "gauge", "seconds", ("upstream",),
            "Until when, in Unix time, an upstream's credential is left alone, as its provider asked (429); "
            "absent while it is not.",
        ),
        Metric(
            "switchover_recording_lag_records", "gauge", "records", (),
            "Records handed to the spool that would not survive a loss of power yet.",
        ),
        Metric("switchover_recording_gaps_total", "counter", "records", (), "Records lost since the worker began."),
        Metric("switchover_recording_healthy", "gauge", "0 or 1", (), "0 from a failed write until it is made good."),
        Metric("switchover_snapshot_version", "gauge", "version", (), "The version of the register in force."),
        Metric(
            "switchover_snapshot_age_seconds", "gauge", "seconds", (),
            "Since the snapshot in force was made. It is made anew when the register changes, not by the clock.",
        ),
        Metric(
            "switchover_register_stale_seconds", "gauge", "seconds", (),
            "For how long changes of the register have not come through; 0 while they do.",
        ),
        Metric(
            "switchover_figures_age_seconds", "gauge", "seconds", (),
            "How old the figures of this worker are; 0 for the worker that answered the scrape.",
        ),
    )
}  # fmt: skip


class Histogram:
    """Counts per bucket, the last one without bound, and the sum."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Counts one value."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.total += seconds


class Sample(NamedTuple):
    """One value of a metric, with its labels' values in the metric's order."""

    metric: str
    labels: tuple[str, ...]
    value: float | Histogram


class Served:
    """What is counted together: one process, one upstream (or none, where none answered) and one dialect."""

    __slots__ = ("attempts", "duration", "errors", "failovers", "first", "gap", "outcomes", "retries")

    def __init__(self) -> None:
        self.outcomes: defaultdict[Outcome, int] = defaultdict(int)
        self.errors: defaultdict[tuple[str, bool], int] = defaultdict(int)
        self.attempts = self.retries = self.failovers = 0
        self.duration, self.first, self.gap = Histogram(), Histogram(), Histogram()


class Metrics:
    """The counters of one worker; used from its event loop only."""

    def __init__(self) -> None:
        self.open = 0
        self.recorded = 0
        self._served: dict[tuple[str, str, str], Served] = {}

    def begun(self, number: int) -> None:
        """A request is admitted; ``number`` is that of its intent in the spool, below zero when it was lost."""
        self.open += 1
        if number > 0:
            self.recorded = number

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
        chunks: int = 0,
    ) -> None:
        """Counts one request, once its exchange is handed to the spool.

        ``first``: seconds to the first content, of a streamed answer only; ``chunks`` of it that were sent on.
        """
        self.recorded += 1
        served = self._of(process, upstream, dialect)
        served.outcomes[outcome] += 1
        served.duration.add(elapsed)
        if first is not None:
            served.first.add(first)
            if chunks > 1:
                served.gap.add((elapsed - first) / (chunks - 1))
        if switched:
            served.failovers += 1
        before = ""
        for one in attempts:
            tried = served if one.upstream == upstream else self._of(process, one.upstream, dialect)
            tried.attempts += 1
            if one.fault is not None:
                tried.errors[one.fault, one.cut_off is not None] += 1
            if one.upstream == before:
                tried.retries += 1
            before = one.upstream

    def samples(self) -> Iterator[Sample]:
        """Everything counted so far."""
        yield Sample("switchover_open_requests", (), self.open)
        for key, served in self._served.items():
            for outcome, count in served.outcomes.items():
                yield Sample("switchover_requests_total", (*key, outcome.value), count)
            for (fault, drilled), count in served.errors.items():
                yield Sample("switchover_errors_total", (*key, fault, str(drilled).lower()), count)
            for name, histogram in (
                ("switchover_request_duration_seconds", served.duration),
                ("switchover_first_content_seconds", served.first),
                ("switchover_stream_mean_gap_seconds", served.gap),
            ):
                if any(histogram.counts):
                    yield Sample(name, key, histogram)
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
