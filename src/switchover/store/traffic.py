"""What the figures say: the questions behind a first page, answered without reading the exchanges.

A window begins with the full hour in which ``since`` (Unix seconds) lies and ends with what was indexed last.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Table, func, select, text

from switchover.domain.exchange import SIDE_DIALECTS, Exchange, Outcome

from . import schema
from .counting import HOUR_S
from .database import Store
from .exchanges import BARE, exchange_of
from .schema import BOUNDS_MS, BUCKETS, MINUTES

HOURS, TRIED, LOAD = schema.traffic_hour, schema.traffic_tried, schema.traffic_load
SUMS = ("exchanges", "metered", "input", "cached_input", "output", "priced", "spent")
PER_DOLLAR = 1_000_000_000
# So many hours of a process are looked at for its newest exchanges; retention may have taken those of older ones.
MOST_HOURS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Exchanges with the same ``of`` (column → value; upstream "": nobody answered).

    Tokens are those of the ``metered`` exchanges. ``spent`` is in USD, over the ``priced`` ones, by the prices and the
    configuration that were in force when they were indexed, rounded to a billionth each.
    """

    of: Mapping[str, str]
    exchanges: int
    metered: int
    input: int
    cached_input: int
    output: int
    priced: int
    spent: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """How long complete answers and their first content took, in ms, estimated within the bucket; None: not known."""

    of: Mapping[str, str]
    exchanges: int
    elapsed_p50: float | None
    elapsed_p95: float | None
    first_p50: float | None
    first_p95: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was sent to an upstream: in how many of those ``asked`` it ``failed``, and when it was last asked."""

    upstream: str
    asked: int
    failed: int
    last_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hourly:
    """Answers in words that one process was asked for in one hour (since 1970, UTC), by the upstream that answered.

    Tokens are those of the ``metered`` ones; ``spent`` is in USD, over the ``priced`` ones.
    """

    hour: int
    upstream: str
    exchanges: int
    metered: int
    input: int
    cached_input: int
    output: int
    priced: int
    spent: Decimal


@dataclass(slots=True)
class Minutes:
    """A process's minutes with requests for answers in words: how many of them had how many (``counts``).

    ``first`` and ``last`` are minutes since 1970 (UTC).
    """

    first: int
    last: int
    counts: Counter[int] = field(default_factory=Counter)


def asked(store: Store, since: float, by: Sequence[str] = ("process", "upstream", "outcome")) -> list[Asked]:
    """Counts, tokens and spend since then, ``by`` these columns, most first."""
    return sorted((_asked(row, by) for row in _sums(store, HOURS, since, by, SUMS)), key=lambda row: -row.exchanges)


def hourly(store: Store, since: float = 0.0, processes: Collection[str] | None = None) -> dict[str, list[Hourly]]:
    """The hours of ``processes`` (None: of all) since then, oldest first.

    Embeddings and counts of tokens are no answers in words.
    """
    words = [HOURS.c.dialect.not_in(sorted(SIDE_DIALECTS))]
    if processes is not None:
        words.append(HOURS.c.process.in_(sorted(processes)))
    found: dict[str, list[Hourly]] = {}
    for row in _sums(store, HOURS, since, ("process", "hour", "upstream"), SUMS, *words):
        figures = {name: int(row[name]) for name in SUMS if name != "spent"}
        spent = Decimal(int(row["spent"])) / PER_DOLLAR
        one = Hourly(hour=row["hour"], upstream=row["upstream"], spent=spent, **figures)
        found.setdefault(row["process"], []).append(one)
    return {process: sorted(rows, key=lambda one: one.hour) for process, rows in found.items()}


def took(store: Store, since: float, by: Sequence[str] = ("process", "upstream")) -> list[Took]:
    """How long complete answers took since then, ``by`` these columns."""
    names = ("exchanges", *BUCKETS["e"], *BUCKETS["c"])
    complete = HOURS.c.outcome == Outcome.COMPLETE.value
    found = []
    for row in _sums(store, HOURS, since, by, names, complete):
        elapsed, first = ([row[name] for name in BUCKETS[letter]] for letter in ("e", "c"))
        found.append(
            Took(
                of={name: row[name] for name in by},
                exchanges=row["exchanges"],
                elapsed_p50=quantile(elapsed, 0.5),
                elapsed_p95=quantile(elapsed, 0.95),
                first_p50=quantile(first, 0.5),
                first_p95=quantile(first, 0.95),
            )
        )
    return found


def minutes(store: Store, since: float | None = None, processes: Collection[str] | None = None) -> dict[str, Minutes]:
    """The busy minutes of ``processes`` (None: of all) since then."""
    wanted = select(LOAD.c.process, LOAD.c.hour, *(LOAD.c[name] for name in MINUTES))
    if since is not None:
        wanted = wanted.where(LOAD.c.hour >= int(since // HOUR_S))
    if processes is not None:
        wanted = wanted.where(LOAD.c.process.in_(sorted(processes)))
    found: dict[str, Minutes] = {}
    with store.read() as connection:
        for process, hour, *counts in connection.execute(wanted):
            busy = [n for n, count in enumerate(counts) if count]
            if not busy:
                continue
            first, last = hour * 60 + busy[0], hour * 60 + busy[-1]
            known = found.setdefault(process, Minutes(first, last))
            known.first, known.last = min(first, known.first), max(last, known.last)
            known.counts.update(counts[n] for n in busy)
    return found


def peaks(store: Store, since: float) -> dict[str, int]:
    """Each process's busiest minute since then: how many requests for answers in words it had."""
    most = [func.max(LOAD.c[name]) for name in MINUTES]
    wanted = select(LOAD.c.process, *most).where(LOAD.c.hour >= int(since // HOUR_S)).group_by(LOAD.c.process)
    with store.read() as connection:
        found = {process: int(max(counts)) for process, *counts in connection.execute(wanted)}
    return {process: count for process, count in found.items() if count}


def seen(store: Store, since: float = 0.0) -> list[Seen]:
    """What each upstream was asked since then, and when it was last asked."""
    names = ("asked", "failed")
    last = func.max(TRIED.c.last_at).label("last_at")
    rows = _sums(store, TRIED, since, ("upstream",), names, more=(last,), some="asked")
    return sorted((Seen(**row) for row in rows), key=lambda row: row.upstream)


def newest_failures(store: Store, since: float = 0.0, limit: int = 20) -> list[Exchange]:
    """The newest exchanges that are not complete, without their bodies."""
    table = schema.exchange
    wanted = BARE.where(text(schema.NOT_COMPLETE), table.c.started_at >= since)
    with store.read() as connection:
        rows = connection.execute(wanted.order_by(table.c.started_at.desc()).limit(limit))
        return [exchange_of(store, row) for row in rows]


def newest_answered(
    store: Store,
    begin: float,
    end: float,
    *,
    process: str | None = None,
    upstreams: Collection[str] | None = None,
    limit: int = 20,
) -> list[Exchange]:
    """The newest exchanges from ``begin`` to before ``end`` (Unix seconds, full hours), without their bodies.

    ``upstreams``: only those that one of these answered. The figures say in which hours there are any, so that no other
    hour is looked at.
    """
    hour, name = HOURS.c.hour, HOURS.c.process
    hours = select(hour, name, func.sum(HOURS.c.exchanges)).where(
        hour >= int(begin // HOUR_S), hour < math.ceil(end / HOUR_S)
    )
    if process is not None:
        hours = hours.where(name == process)
    if upstreams is not None:
        hours = hours.where(HOURS.c.upstream.in_(sorted(upstreams)))
    hours = hours.group_by(hour, name).having(func.sum(HOURS.c.exchanges) > 0).order_by(hour.desc(), name)
    table = schema.exchange
    found: list[Exchange] = []
    with store.read() as connection:
        last = None
        for at, of, _ in connection.execute(hours.limit(MOST_HOURS)).all():
            if len(found) >= limit and at != last:
                break
            last = at
            wanted = BARE.where(table.c.process == of, table.c.started_at >= at * HOUR_S)
            wanted = wanted.where(table.c.started_at < (at + 1) * HOUR_S)
            if upstreams is not None:
                wanted = wanted.where(table.c.upstream.in_(sorted(upstreams)))
            rows = connection.execute(wanted.order_by(table.c.started_at.desc()).limit(limit))
            found += [exchange_of(store, row) for row in rows]
    return sorted(found, key=lambda one: -one.started_at)[:limit]


def gaps(store: Store, since: float = 0.0) -> list[tuple[str, float, int, str]]:
    """What the record is known to lack since then: (worker, moment, records, reason), newest first."""
    table = schema.gap
    wanted = select(table.c.worker, table.c.at, table.c.records, table.c.reason).where(table.c.at >= since)
    with store.read() as connection:
        rows = connection.execute(wanted.order_by(table.c.at.desc()))
        return [(worker, at, records, reason) for worker, at, records, reason in rows]


def quantile(counts: Sequence[int], share: float) -> float | None:
    """The time, in ms, within which this share of the counted ones was done: even within a bucket is assumed.

    None without a count, and for one that lies in the last bucket, which has no end.
    """
    total = sum(counts)
    wanted, below = share * total, 0
    for position, count in enumerate(counts[: len(BOUNDS_MS)]):
        if count and below + count >= wanted:
            lower = BOUNDS_MS[position - 1] if position else 0
            return lower + (BOUNDS_MS[position] - lower) * (wanted - below) / count
        below += count
    return None


def _asked(row: Mapping[str, Any], by: Sequence[str]) -> Asked:
    figures = {name: int(row[name]) for name in SUMS if name != "spent"}
    return Asked(of={name: row[name] for name in by}, spent=Decimal(int(row["spent"])) / PER_DOLLAR, **figures)


def _sums(
    store: Store,
    table: Table,
    since: float,
    by: Sequence[str],
    names: Sequence[str],
    *conditions: Any,
    more: Iterable[Any] = (),
    some: str = "exchanges",
) -> list[Mapping[str, Any]]:
    """Sums by columns, without those of which ``some`` is none: what was counted and taken back."""
    keys = [table.c[name] for name in by]
    sums = [func.sum(table.c[name]).label(name) for name in names]
    wanted = select(*keys, *sums, *more).where(table.c.hour >= int(since // HOUR_S), *conditions).group_by(*keys)
    with store.read() as connection:
        rows = connection.execute(wanted.having(func.sum(table.c[some]) > 0))
        return [dict(row._mapping) for row in rows]
