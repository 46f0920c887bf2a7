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
    bars = [("minute", [max(pair) for pair in zip(minutes, failed, strict=True)]), ("minute failed", failed)]
    drawn = ""
    for kind, counts in bars:
        path = "".join(_bar(at, count / highest) for at, count in enumerate(counts) if count)
        drawn += f'<path class="{kind}" d="{path}"></path>' if path else ""
    plot = f'<svg width="100%" height="{HIGH}" viewBox="0 0 {len(minutes)} {HIGH}" preserveAspectRatio="none">'
    foot = f'<line class="axis" x1="0" x2="100%" y1="{HIGH + 0.5}" y2="{HIGH + 0.5}"></line>'
    most = f"most: {highest:,} a minute" if drawn else "nobody asked"
    ticks = (("start", "0", "an hour ago"), ("middle", "50%", most), ("end", "100%", "now"))
    texts = "".join(
        f'<text class="tick" text-anchor="{anchor}" x="{x}" y="{HIGH + 15}">{said}</text>' for anchor, x, said in ticks
    )
    return drawing(HIGH + 20, label, f"{plot}{drawn}</svg>{foot}{texts}")


def _bar(at: int, share: float) -> str:
    """One bar of a path, four fifths of a minute wide; what is there at all is seen."""
    return f"M{at} {HIGH - max(share * HIGH, 1.5):.1f}h.8V{HIGH}H{at}z"
