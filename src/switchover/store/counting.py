"""Exchanges → figures: what is asked of the record at every look is counted once, as the exchange comes in.

``traffic_hour`` counts exchanges by hour, process, route, upstream, model, dialect and outcome; ``traffic_tried`` what
was sent to each upstream; ``traffic_load`` holds the sixty minutes of each process's hour. Figures stay when their
exchanges go, and can be counted again from those that are there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, delete, func, null, select

from switchover.domain.charge import Metered
from switchover.domain.exchange import SIDE_DIALECTS, AttemptRecord, Exchange, Length, Outcome, Usage
from switchover.errors import RecordingFailed

from . import schema
from .adding import added_columns, adding
from .schema import BOUNDS_MS, BUCKETS, MINUTES
from .spending import Spent, uncount

HOUR_S = 3600
PAGE = 5000
# So many exchanges are counted in memory before they are added to the tables.
FLUSH = 50_000

# What an exchange is billed.
Meter = Callable[[Exchange], Metered]

EXCHANGE = schema.exchange
TABLES = (schema.traffic_hour, schema.traffic_tried, schema.traffic_load)
NOT_METERED = Metered()
COUNTED = select(
    EXCHANGE.c.id,
    EXCHANGE.c.process,
    EXCHANGE.c.route,
    EXCHANGE.c.dialect,
    EXCHANGE.c.started_at,
    EXCHANGE.c.outcome,
    EXCHANGE.c.upstream,
    EXCHANGE.c.model,
    EXCHANGE.c.attempts,
    EXCHANGE.c.usage,
    EXCHANGE.c.first_content_ms,
    EXCHANGE.c.elapsed_ms,
    EXCHANGE.c.stream,
    EXCHANGE.c.length,
)
# As the schema was before there was spend.
EARLY = select(*(column for column in COUNTED.selected_columns if column.name != "length"), null())

_attempts = msgspec.json.Decoder(tuple[AttemptRecord, ...])
_usage = msgspec.json.Decoder(Usage)
_length = msgspec.json.Decoder(Length)


def unmetered(exchange: Exchange) -> Metered:
    """No charges, where nobody knows the prices."""
    return NOT_METERED


def count_new(
    connection: Connection, exchanges: Iterable[Exchange], meter: Meter = unmetered, *, replace: bool = True
) -> None:
    """Counts exchanges that are about to be saved, in the same transaction.

    One that is in the store is not counted again; one that replaces an unfinished one, as ``replace`` says that they
    do, or that says how an answer ended that could not be recorded in time, is counted in its place.
    """
    coming = {exchange.id: exchange for exchange in exchanges}
    if not coming:
        return
    there = {row.id: row for row in connection.execute(COUNTED.where(EXCHANGE.c.id.in_(list(coming))))}
    figures = Figures(meter)
    for name, exchange in coming.items():
        was = there.get(name)
        if was is None:
            figures.take(exchange)
        elif replace and (was.outcome == Outcome.UNFINISHED or exchange.error_code == RecordingFailed.code):
            figures.take(counted(was), -1)
            figures.take(exchange)
    figures.add_to(connection)


def recount(connection: Connection, meter: Meter = unmetered, *, spend: bool = True) -> int:
    """Counts anew from the exchanges that are there; returns how many.

    Hours before a process's oldest exchange keep their figures: those exchanges went by retention. Without ``spend``
    the store has no table for it yet.
    """
    if spend:
        uncount(connection)
    oldest = select(EXCHANGE.c.process, func.min(EXCHANGE.c.started_at)).group_by(EXCHANGE.c.process)
    for process, began in connection.execute(oldest).all():
        for table in TABLES:
            again = (table.c.process == process) & (table.c.hour >= int(began // HOUR_S))
            connection.execute(delete(table).where(again))
    figures, count = Figures(meter), 0
    for count, row in enumerate(each_row(connection, COUNTED if spend else EARLY), 1):
        figures.take(counted(row))
        if not count % FLUSH:
            figures.add_to(connection)
            figures = Figures(meter)
    figures.add_to(connection)
    return count


def each_row(connection: Connection, wanted: Select[Any]) -> Iterator[Row[Any]]:
    """Rows of :data:`COUNTED` that are wanted, oldest first, page by page."""
    at, name = EXCHANGE.c.started_at, EXCHANGE.c.id
    wanted = wanted.order_by(at, name).limit(PAGE)
    page = wanted
    while True:
        rows = connection.execute(page).all()
        yield from rows
        if len(rows) < PAGE:
            return
        last = rows[-1]
        later = (at > last.started_at) | ((at == last.started_at) & (name > last.id))
        page = wanted.where(later, at >= last.started_at)


def counted(row: Sequence[Any]) -> Exchange:
    """A row of :data:`COUNTED` as an exchange that lacks what is not counted."""
    name, process, route, dialect, at, outcome, upstream, model, attempts, usage, first, elapsed, stream, length = row
    return Exchange(
        id=name,
        process=process,
        route=route,
        dialect=dialect,
        stream=stream,
        started_at=at,
        outcome=Outcome(outcome),
        status=0,
        request=b"",
        answer=b"",
        upstream=upstream,
        model=model,
        attempts=_attempts.decode(attempts),
        usage=_usage.decode(usage) if usage else None,
        first_content_ms=first,
        elapsed_ms=elapsed,
        length=_length.decode(length) if length else None,
    )


class Figures:
    """Sums in memory, by key; :meth:`add_to` adds them to what the tables hold."""

    def __init__(self, meter: Meter = unmetered) -> None:
        self._meter, self._spent = meter, Spent()
        self._hours: dict[tuple[object, ...], dict[str, Any]] = {}
        self._tried: dict[tuple[object, ...], dict[str, Any]] = {}
        self._load: dict[tuple[object, ...], dict[str, Any]] = {}

    def take(self, exchange: Exchange, sign: int = 1) -> None:
        """Counts an exchange; with ``sign`` -1 takes back what it was counted for.

        One whose moment nobody knows belongs to no hour; it still teaches how long a model's tokens are.
        """
        if not exchange.is_dated:
            self._spent.take(exchange, self._meter(exchange), sign)
            return
        hour, rest = divmod(exchange.started_at, HOUR_S)
        key = (
            int(hour),
            exchange.process,
            exchange.route,
            exchange.upstream or "",
            (exchange.model or "")[: schema.MODEL_NAME],
            exchange.dialect,
            exchange.outcome.value,
        )
        row = self._hours.get(key)
        if row is None:
            row = self._hours[key] = dict.fromkeys(ADDED[schema.traffic_hour.name], 0) | {"last_at": 0.0}
        row["exchanges"] += sign
        row["last_at"] = max(row["last_at"], exchange.started_at)
        self._used(row, exchange, sign)
        row[_bucket("e", exchange.elapsed_ms)] += sign
        if exchange.first_content_ms is not None:
            row[_bucket("c", exchange.first_content_ms)] += sign
        for upstream, failed in _tries(exchange).items():
            tried = self._tried.setdefault(
                (int(hour), exchange.process, upstream, exchange.dialect), {"asked": 0, "failed": 0, "last_at": 0.0}
            )
            tried["asked"] += sign
            tried["failed"] += sign * failed
            tried["last_at"] = max(tried["last_at"], exchange.started_at)
        if exchange.dialect not in SIDE_DIALECTS:
            load = self._load.setdefault((exchange.process, int(hour)), dict.fromkeys(MINUTES, 0))
            load[MINUTES[int(rest // 60)]] += sign

    def _used(self, row: dict[str, Any], exchange: Exchange, sign: int) -> None:
        usage = exchange.usage
        if usage is not None and usage.tells:
            row["input"] += sign * usage.input
            row["output"] += sign * usage.output
            row["cached_input"] += sign * usage.cached_input
            row["metered"] += sign
        metered = self._meter(exchange)
        self._spent.take(exchange, metered, sign)
        # What it cost is not known before it has ended.
        price = None if exchange.outcome is Outcome.UNFINISHED or metered is NOT_METERED else metered.amount
        if price is not None:
            row["priced"] += sign
            row["spent"] += sign * price

    def add_to(self, connection: Connection) -> None:
        """Adds the sums. Sorted: two that add at once take the same rows in the same order, so neither waits twice."""
        for table, sums in zip(TABLES, (self._hours, self._tried, self._load), strict=True):
            names = [column.name for column in table.primary_key]
            rows = [dict(zip(names, key, strict=True)) | sums[key] for key in sorted(sums, key=repr)]
            if rows:
                connection.execute(adding(table, connection.dialect.name), rows)
        self._spent.add_to(connection)


def _tries(exchange: Exchange) -> dict[str, bool]:
    """The upstreams that the exchange was sent to, and whether each failed it."""
    found: dict[str, bool] = {}
    for attempt in exchange.attempts:
        found[attempt.upstream] = attempt.fault is not None and attempt.upstream != exchange.upstream
    if exchange.upstream is not None:
        found[exchange.upstream] = False
    return found


def _bucket(letter: str, value: float) -> str:
    return BUCKETS[letter][bisect_left(BOUNDS_MS, value)]


ADDED = {table.name: added_columns(table) for table in TABLES}
