"""A drill beside its control, from the exchanges on record: errors, latency and cost with intervals, live and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt

from switchover.costs.metering import price_exchange
from switchover.domain.cut_off import CutOff, Drill, DrillOutcome
from switchover.domain.exchange import Exchange
from switchover.domain.process import Settings, UpstreamSpec
from switchover.store import Store
from switchover.store.exchanges import list_exchanges

from .observe import counts, see
from .outcome import Seen, Window, decide, p95, wilson

# So many exchanges are read for one look, the first ones of the drill.
MOST = 2_000
NORMAL = 1.959964
TAIL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is on record of a drill's time: exchanges by id, and each as the drill sees it, oldest first.

    ``whole`` is False where there are more than were read.
    """

    exchanges: Mapping[str, Exchange]
    seen: tuple[Seen, ...]
    whole: bool

    @property
    def detected_at(self) -> float | None:
        """When the first try that met the fault had ended: from then on the gateway knew (Unix seconds)."""
        moments = []
        for one in self.seen:
            if one.faulted:
                took = 0.0
                for attempt in self.exchanges[one.id].attempts:
                    took += attempt.elapsed_ms
                    if attempt.cut_off is not None:
                        break
                moments.append(one.started_at + took / 1000)
        return min(moments, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A figure with its 95 % interval, of so many requests; ``high`` None: too few to bound it from above."""

    value: float
    low: float
    high: float | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One figure of both sides: ``unit`` is "share", "ms" or "usd"; None where nothing was measured."""

    name: str
    unit: str
    drilled: Range | None
    control: Range | None
    said: str = ""


def record(store: Store, drill: Drill, cut: CutOff, settings: Settings, until: float, most: int = MOST) -> Record:
    """The exchanges of the drilled process from its cut-off on, up to ``until``."""
    lost = frozenset(name for name, spec in settings.upstreams.items() if drill.target.covers(spec, settings.providers))
    found = list_exchanges(
        store, process=drill.process, since=cut.placed_at, until=until, limit=most + 1, newest_first=False, bodies=False
    )
    kept = [one for one in found[:most] if counts(one)]
    return Record(
        exchanges={one.id: one for one in kept},
        seen=tuple(see(one, lost, cut) for one in kept),
        whole=len(found) <= most,
    )


def so_far(found: Record, drill: Drill, cut: CutOff, now: float) -> DrillOutcome:
    """What the drill has observed up to ``now``; its result says nothing before the drill is over."""
    limits = drill.thresholds
    window = Window(
        placed_at=cut.placed_at,
        lifted_at=min(now, cut.placed_at + drill.duration),
        rto_promised=limits.get("rto_s", 0.0),
        steady_for=limits.get("steady_for_s", 0.0),
        max_error_share=limits.get("max_error_share", 0.0),
    )
    return decide(found.seen, window)


def compared(outcome: DrillOutcome, found: Record | None, upstreams: Mapping[str, UpstreamSpec]) -> list[Compared]:
    """Both sides with their intervals. Latency and cost need the exchanges on record; errors were counted then."""
    rows = [
        Compared(
            name="Callers who failed",
            unit="share",
            drilled=failures(outcome.failed, outcome.requests),
            control=failures(outcome.control_failed, outcome.control_requests),
        )
    ]
    drilled, control = _sides(found, outcome)
    rows.append(
        Compared(
            name="Time of an answer, 95th percentile",
            unit="ms",
            drilled=tail([one.elapsed_ms for one in drilled]) or _bare(outcome.p95_ms, outcome.requests),
            control=tail([one.elapsed_ms for one in control])
            or _bare(outcome.control_p95_ms, outcome.control_requests),
        )
    )
    if found is not None:
        sides = [[price_exchange(found.exchanges[one.id], upstreams) for one in side] for side in (drilled, control)]
        known = [[float(one.amount) for one in side if one.amount is not None] for side in sides]
        gaps = [one.gap for side in sides for one in side if one.amount is None and one.gap]
        rows.append(
            Compared(
                name="Cost of a call",
                unit="usd",
                drilled=average(known[0]),
                control=average(known[1]),
                said=f"{len(gaps)} without a price: {gaps[0]}" if gaps else "",
            )
        )
    return rows


def failures(failed: int, count: int) -> Range | None:
    """The share that failed, with Wilson's interval."""
    if count == 0:
        return None
    low, high = wilson(failed, count)
    return Range(value=failed / count, low=low, high=high, count=count)


def tail(values: Sequence[float]) -> Range | None:
    """The 95th percentile with the interval of order statistics (David and Nagaraja, Order Statistics, 2003, 7.1)."""
    point = p95(values)
    if point is None:
        return None
    ordered, count = sorted(values), len(values)
    spread = NORMAL * sqrt(count * TAIL * (1 - TAIL))
    low, high = floor(count * TAIL - spread), ceil(count * TAIL + spread) + 1
    above = ordered[high - 1] if high <= count else None
    return Range(value=point, low=ordered[max(low, 1) - 1], high=above, count=count)


def average(values: Sequence[float]) -> Range | None:
    """The mean with its interval by the normal approximation; of one value there is none."""
    count = len(values)
    if count == 0:
        return None
    mean = sum(values) / count
    if count == 1:
        return Range(value=mean, low=0.0, high=None, count=1)
    spread = NORMAL * sqrt(sum((one - mean) ** 2 for one in values) / (count - 1) / count)
    return Range(value=mean, low=max(mean - spread, 0.0), high=mean + spread, count=count)


def _sides(found: Record | None, outcome: DrillOutcome) -> tuple[list[Seen], list[Seen]]:
    """The requests that the outcome is about: of the drilled share those since the fault was first met."""
    if found is None:
        return [], []
    met = outcome.first_fault_at
    during = [one for one in found.seen if outcome.placed_at <= one.started_at < outcome.lifted_at]
    drilled = [one for one in during if one.drilled and met is not None and one.started_at >= met]
    return drilled, [one for one in during if not one.drilled]


def _bare(value: float | None, count: int) -> Range | None:
    """A figure that was kept without its interval."""
    return None if value is None else Range(value=value, low=0.0, high=None, count=count)
