"""Exchanges → figures: what is asked of the record at every look is counted once, as the exchange comes in.

``traffic_hour`` counts exchanges by hour, process, route, upstream, model, dialect and outcome; ``traffic_tried`` what
was sent to each upstream; ``traffic_load`` holds the sixty minutes of each process's hour. Figures stay when their
exchanges go, and can be counted again from those that are there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Insert, Row, Select, Table, case, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from switchover.domain.exchange import SIDE_DIALECTS, AttemptRecord, Exchange, Outcome, Usage
from switchover.errors import RecordingFailed

from . import schema
from .schema import BOUNDS_MS, BUCKETS, MINUTES

HOUR_S = 3600
PAGE = 5000
# So many exchanges are counted in memory before they are added to the tables.
FLUSH = 50_000

# The price of an exchange in billionths of a dollar; None: it has none.
Price = Callable[[Exchange], int | None]

EXCHANGE = schema.exchange
TABLES = (schema.traffic_hour, schema.traffic_tried, schema.traffic_load)
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
)

_attempts = msgspec.json.Decoder(tuple[AttemptRecord, ...])
_usage = msgspec.json.Decoder(Usage)


def unpriced(exchange: Exchange) -> int | None:
    """No price, where nobody knows one."""
    return None


def count_new(
    connection: Connection, exchanges: Iterable[Exchange], price: Price = unpriced, *, replace: bool = True
) -> None:
    """Counts exchanges that are about to be saved, in the same transaction.

    One that is in the store is not counted again; one that replaces an unfinished one, as ``replace`` says that they
    do, or that says how an answer ended that could not be recorded in time, is counted in its place.
    """
    coming = {exchange.id: exchange for exchange in exchanges}
    if not coming:
        return
    there = {row.id: row for row in connection.execute(COUNTED.where(EXCHANGE.c.id.in_(list(coming))))}
    figures = Figures(price)
    for name, exchange in coming.items():
        was = there.get(name)
        if was is None:
            figures.take(exchange)
        elif replace and (was.outcome == Outcome.UNFINISHED or exchange.error_code == RecordingFailed.code):
            figures.take(counted(was), -1)
            figures.take(exchange)
    figures.add_to(connection)


def recount(connection: Connection, price: Price = unpriced) -> int:
    """Counts anew from the exchanges that are there; returns how many.

    Hours before a process's oldest exchange keep their figures: those exchanges went by retention.
    """
    oldest = select(EXCHANGE.c.process, func.min(EXCHANGE.c.started_at)).group_by(EXCHANGE.c.process)
    for process, began in connection.execute(oldest).all():
        for table in TABLES:
            again = (table.c.process == process) & (table.c.hour >= int(began // HOUR_S))
            connection.execute(delete(table).where(again))
    figures, count = Figures(price), 0
    for count, row in enumerate(each_row(connection, COUNTED), 1):
        figures.take(counted(row))
        if not count % FLUSH:
            figures.add_to(connection)
            figures = Figures(price)
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
    name, process, route, dialect, at, outcome, upstream, model, attempts, usage, first, elapsed = row
    return Exchange(
        id=name,
        process=process,
        route=route,
        dialect=dialect,
        stream=False,
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
    )


class Figures:
    """Sums in memory, by key; :meth:`add_to` adds them to what the tables hold."""

    def __init__(self, price: Price = unpriced) -> None:
        self._price = price
        self._hours: dict[tuple[object, ...], dict[str, Any]] = {}
        self._tried: dict[tuple[object, ...], dict[str, Any]] = {}
        self._load: dict[tuple[object, ...], dict[str, Any]] = {}

    def take(self, exchange: Exchange, sign: int = 1) -> None:
        """Counts an exchange; with ``sign`` -1 takes back what it was counted for."""
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
        if usage is not None:
            row["input"] += sign * usage.input
            row["output"] += sign * usage.output
            row["cached_input"] += sign * usage.cached_input
            row["metered"] += sign
        # What it cost is not known before it has ended.
        price = None if exchange.outcome is Outcome.UNFINISHED else self._price(exchange)
        if price is not None:
            row["priced"] += sign
            row["spent"] += sign * price

    def add_to(self, connection: Connection) -> None:
        """Adds the sums. Sorted: two that add at once take the same rows in the same order, so neither waits twice."""
        for table, sums in zip(TABLES, (self._hours, self._tried, self._load), strict=True):
            names = [column.name for column in table.primary_key]
            rows = [dict(zip(names, key, strict=True)) | sums[key] for key in sorted(sums, key=repr)]
            if rows:
                connection.execute(_adding(table, connection.dialect.name), rows)


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


ADDED = {table.name: [c.name for c in table.columns if not c.primary_key and c.name != "last_at"] for table in TABLES}


@cache
def _adding(table: Table, dialect: str) -> Insert:
    insert: Any = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    new = insert.excluded
    change: dict[str, Any] = {name: table.c[name] + new[name] for name in ADDED[table.name]}
    if "last_at" in table.c:
        change["last_at"] = case((new.last_at > table.c.last_at, new.last_at), else_=table.c.last_at)
    keys = [column.name for column in table.primary_key]
    added: Insert = insert.on_conflict_do_update(index_elements=keys, set_=change)
    return added
