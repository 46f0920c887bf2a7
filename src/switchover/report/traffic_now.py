"""What each process is asked at this moment: the last minutes, the last hour, and since the hour before it began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from switchover.domain.process import Process, Settings
from switchover.store import Store
from switchover.store.counting import HOUR_S
from switchover.store.lately import FAILURES, LAST, Lately, Newest, failed_minutes, last_minutes, newest
from switchover.store.traffic import asked, took

from .charts import drawing

LATELY_S = 300.0
HIGH = 44
NONE = Lately(exchanges=0, failed=0, by_upstream={}, elapsed_ms=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A process's traffic. ``minutes`` and ``failed_minutes`` are the last sixty, oldest first; ``lately`` is newest.

    ``exchanges``, ``failed``, ``by_upstream`` (answers) and ``p95_ms`` count since the full hour in which an hour ago
    lies; ``p95_ms`` None: no complete answer, or a longer one than is counted by.
    """

    process: Process
    minutes: Sequence[int]
    failed_minutes: Sequence[int]
    lately: Lately
    exchanges: int
    failed: int
    by_upstream: dict[str, int]
    p95_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficNow:
    """Every process's traffic; ``hour`` is the moment since which the hour counts, ``newest`` the last minutes."""

    processes: tuple[Asked, ...]
    hour: float
    newest: Newest


def traffic_now(store: Store, settings: Settings, now: float) -> TrafficNow:
    """As of ``now`` (Unix seconds). Raises StoreUnavailable."""
    hour = (now - HOUR_S) // HOUR_S * HOUR_S
    found = newest(store, now - LATELY_S)
    minutes, broken = last_minutes(store, now), failed_minutes(store, now)
    rows = asked(store, hour)
    times = {row.of["process"]: row.elapsed_p95 for row in took(store, hour, ("process",))}

    def of(process: Process) -> Asked:
        own = [row for row in rows if row.of["process"] == process.name]
        by_upstream: dict[str, int] = {}
        for row in own:
            if row.of["outcome"] not in FAILURES and row.of["upstream"]:
                by_upstream[row.of["upstream"]] = by_upstream.get(row.of["upstream"], 0) + row.exchanges
        return Asked(
            process=process,
            minutes=minutes.get(process.name, [0] * LAST),
            failed_minutes=broken.get(process.name, [0] * LAST),
            lately=found.processes.get(process.name, NONE),
            exchanges=sum(row.exchanges for row in own),
            failed=sum(row.exchanges for row in own if row.of["outcome"] in FAILURES),
            by_upstream=dict(sorted(by_upstream.items(), key=lambda one: (-one[1], one[0]))),
            p95_ms=times.get(process.name),
        )

    return TrafficNow(processes=tuple(of(one) for one in settings.processes.values()), hour=hour, newest=found)


def minute_bars(minutes: Sequence[int], failed: Sequence[int], label: str) -> Markup:
    """One bar a minute, the part that failed at its foot; ``label`` is read to those who don't see it."""
    highest = max(*minutes, *failed, 1)
    step = 100 / len(minutes)
    drawn = []
    for place, (count, bad) in enumerate(zip(minutes, failed, strict=True)):
        for kind, size in (("minute", max(count, bad)), ("minute failed", bad)):
            if size:
                high = max(size / highest * HIGH, 1.5)
                across = f'x="{place * step:.2f}%" width="{step * 0.8:.2f}%"'
                drawn.append(f'<rect class="{kind}" {across} y="{HIGH - high:.1f}" height="{high:.1f}"></rect>')
    foot = f'<line class="axis" x1="0" x2="100%" y1="{HIGH + 0.5}" y2="{HIGH + 0.5}"></line>'
    most = f"most: {highest:,} a minute"
    texts = (
        f'<text class="tick" x="0" y="{HIGH + 15}">an hour ago</text>'
        f'<text class="tick" text-anchor="middle" x="50%" y="{HIGH + 15}">{most}</text>'
        f'<text class="tick" text-anchor="end" x="100%" y="{HIGH + 15}">now</text>'
    )
    return drawing(HIGH + 20, label, "".join(drawn) + foot + texts)
