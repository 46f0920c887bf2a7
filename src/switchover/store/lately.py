"""What came in lately: the newest exchanges in a few words, the last sixty minutes, the busiest one there ever was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import func, select, text

from switchover.domain.exchange import AttemptRecord, Outcome

from . import schema
from .counting import HOUR_S
from .database import Store
from .engines import is_postgres
from .schema import MINUTES

TABLE, LOAD = schema.exchange, schema.traffic_load
# So many exchanges are looked at; what is more is not read, and said.
MOST = 2000
LAST = 60
FAILURES = (Outcome.FAILED, Outcome.TRUNCATED)

_attempts = msgspec.json.Decoder(tuple[AttemptRecord, ...])


@dataclass(frozen=True, slots=True)
class Fault:
    """An attempt that failed: of which exchange, when that began (Unix seconds), and with what."""

    exchange: str
    at: float
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lately:
    """The newest exchanges of a process since a moment. ``by_upstream`` counts answers ("": nobody answered).

    ``elapsed_ms`` are those of complete answers, sorted.
    """

    exchanges: int
    failed: int
    by_upstream: dict[str, int]
    elapsed_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """By process what came in lately, by upstream what was sent to it (asked, failed) and its last failure.

    ``newest`` is when the newest exchange began, None: there is none since then. ``cut``: there were more of them
    than are looked at, so that only those since ``since`` count.
    """

    since: float
    newest: float | None
    cut: bool
    processes: dict[str, Lately]
    tried: dict[str, tuple[int, int]]
    faults: dict[str, Fault]


def newest(store: Store, since: float, most: int = MOST) -> Newest:
    """The exchanges that began since then (Unix seconds), the newest ``most`` of them."""
    columns = (TABLE.c.id, TABLE.c.process, TABLE.c.started_at, TABLE.c.outcome, TABLE.c.upstream, TABLE.c.elapsed_ms)
    wanted = select(*columns, TABLE.c.attempts).where(TABLE.c.started_at >= since)
    with store.read() as connection:
        rows = connection.execute(wanted.order_by(TABLE.c.started_at.desc()).limit(most)).all()
    by_process: dict[str, list[Any]] = {}
    tried: dict[str, tuple[int, int]] = {}
    faults: dict[str, Fault] = {}
    for row in rows:
        by_process.setdefault(row.process, []).append(row)
        failing = {one.upstream: one.fault for one in _attempts.decode(row.attempts)}
        # What an upstream answered in the end it did not fail in, as the figures count it (counting.py).
        failing |= {row.upstream: None} if row.upstream is not None else {}
        for name, fault in failing.items():
            asked, failed = tried.get(name, (0, 0))
            tried[name] = (asked + 1, failed + (fault is not None))
            if fault is not None:
                faults.setdefault(name, Fault(row.id, row.started_at, fault))
    is_cut = len(rows) == most
    return Newest(
        since=rows[-1].started_at if is_cut else since,
        newest=rows[0].started_at if rows else None,
        cut=is_cut,
        processes={name: _lately(found) for name, found in by_process.items()},
        tried=tried,
        faults=faults,
    )


def _lately(rows: Sequence[Any]) -> Lately:
    by_upstream: dict[str, int] = {}
    for row in rows:
        if row.outcome not in FAILURES:
            by_upstream[row.upstream or ""] = by_upstream.get(row.upstream or "", 0) + 1
    return Lately(
        exchanges=len(rows),
        failed=sum(row.outcome in FAILURES for row in rows),
        by_upstream=by_upstream,
        elapsed_ms=tuple(sorted(row.elapsed_ms for row in rows if row.outcome == Outcome.COMPLETE)),
    )


def last_minutes(store: Store, now: float) -> dict[str, list[int]]:
    """Each process's requests in the last sixty minutes, oldest first; the last is the minute that ``now`` lies in."""
    last = int(now // 60)
    first = last - LAST + 1
    wanted = select(LOAD.c.process, LOAD.c.hour, *(LOAD.c[name] for name in MINUTES))
    wanted = wanted.where(LOAD.c.hour >= first // 60, LOAD.c.hour <= last // 60)
    found: dict[str, list[int]] = {}
    with store.read() as connection:
        for process, hour, *counts in connection.execute(wanted):
            minutes = found.setdefault(process, [0] * LAST)
            for minute, count in enumerate(counts, hour * 60 - first):
                if 0 <= minute < LAST:
                    minutes[minute] += count
    return found


def failed_minutes(store: Store, now: float, most: int = MOST) -> dict[str, list[int]]:
    """As :func:`last_minutes`, what failed or broke off; of the newest ``most`` that are not complete."""
    first = int(now // 60) - LAST + 1
    wanted = select(TABLE.c.process, TABLE.c.started_at).where(
        text(schema.NOT_COMPLETE),
        TABLE.c.started_at >= first * 60.0,
        TABLE.c.outcome.in_([one.value for one in FAILURES]),
    )
    found: dict[str, list[int]] = {}
    with store.read() as connection:
        for process, at in connection.execute(wanted.order_by(TABLE.c.started_at.desc()).limit(most)):
            minute = int(at // 60) - first
            if 0 <= minute < LAST:
                found.setdefault(process, [0] * LAST)[minute] += 1
    return found


def peaks(store: Store, since: float = 0.0) -> dict[str, int]:
    """The requests of each process's busiest minute since then."""
    with store.read() as connection:
        # The largest of several columns: the two databases have another word for it.
        largest = func.greatest if is_postgres(connection) else func.max
        busiest = func.max(largest(*(LOAD.c[name] for name in MINUTES)))
        wanted = select(LOAD.c.process, busiest).where(LOAD.c.hour >= int(since // HOUR_S)).group_by(LOAD.c.process)
        return {process: int(peak) for process, peak in connection.execute(wanted)}
