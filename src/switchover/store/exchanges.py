"""Recorded exchanges, and how far each worker's spool has been read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, delete, func, select

from switchover.domain.exchange import AttemptRecord, Exchange, Intent, Outcome, Usage
from switchover.errors import NotFound

from . import schema
from .database import Store, upsert
from .spool_frames import Gap, Position, Rot

TABLE = schema.exchange
PAGE = 500

_to_json = msgspec.json.Encoder()
_attempts = msgspec.json.Decoder(tuple[AttemptRecord, ...])
_usage = msgspec.json.Decoder(Usage)
_words = msgspec.json.Decoder(tuple[str, ...])
_metadata = msgspec.json.Decoder(dict[str, str])


def save_exchanges(store: Store, batch: Sequence[Exchange]) -> int:
    """Saves exchanges; one that is there stays as it is, an unfinished one is replaced. Returns how many are new."""
    with store.write() as connection:
        return _save_exchanges(connection, batch)


def save_intents(store: Store, batch: Sequence[Intent]) -> None:
    """Saves requests that were begun and never ended as unfinished exchanges; a later exchange replaces each."""
    with store.write() as connection:
        upsert(connection, TABLE, [_unfinished(intent) for intent in batch], update=False)


def get_exchange(store: Store, name: str) -> Exchange | None:
    """The exchange with this id, or the one whose id begins so. Raises NotFound when several do."""
    with store.read() as connection:
        beginning = select(TABLE).where(TABLE.c.id.startswith(name, autoescape=True)).order_by(TABLE.c.id).limit(2)
        rows = connection.execute(select(TABLE).where(TABLE.c.id == name)).all() or connection.execute(beginning).all()
    if len(rows) > 1 or not name:
        raise NotFound(f"several exchanges begin with {name!r}", mend="give more of the id")
    return _exchange(rows[0]) if rows else None


def list_exchanges(
    store: Store,
    *,
    process: str | None = None,
    since: float | None = None,
    until: float | None = None,
    outcome: Outcome | str | None = None,
    limit: int = 50,
    newest_first: bool = True,
) -> list[Exchange]:
    """Exchanges that began in ``[since, until)``, at most ``limit``."""
    ways = (TABLE.c.started_at, TABLE.c.id)
    wanted = _where(select(TABLE), process, since, until, outcome)
    wanted = wanted.order_by(*(way.desc() if newest_first else way.asc() for way in ways)).limit(limit)
    with store.read() as connection:
        return [_exchange(row) for row in connection.execute(wanted)]


def count_exchanges(
    store: Store,
    *,
    process: str | None = None,
    since: float | None = None,
    until: float | None = None,
    outcome: Outcome | str | None = None,
) -> int:
    """How many there are, with the same conditions as :func:`list_exchanges`."""
    with store.read() as connection:
        counted = _where(select(func.count()).select_from(TABLE), process, since, until, outcome)
        return int(connection.scalar(counted) or 0)


def iter_exchanges(
    store: Store, process: str, *, since: float | None = None, until: float | None = None
) -> Iterator[Exchange]:
    """A process's complete exchanges with a 2xx status, oldest first: what a trial may replay."""
    for exchange in each_exchange(store, process=process, since=since, until=until, outcome=Outcome.COMPLETE):
        if 200 <= exchange.status < 300:
            yield exchange


def each_exchange(
    store: Store,
    *,
    process: str | None = None,
    since: float | None = None,
    until: float | None = None,
    outcome: Outcome | str | None = None,
) -> Iterator[Exchange]:
    """Every exchange that meets the conditions, oldest first, read page by page so that the record need not fit."""
    wanted = _where(select(TABLE), process, since, until, outcome)
    wanted = wanted.order_by(TABLE.c.started_at, TABLE.c.id).limit(PAGE)
    last: tuple[float, str] | None = None
    while True:
        page = wanted
        if last is not None:
            at, name = last
            page = wanted.where(
                (TABLE.c.started_at > at) | ((TABLE.c.started_at == at) & (TABLE.c.id > name)),
                TABLE.c.started_at >= at,
            )
        with store.read() as connection:
            rows = connection.execute(page).all()
        for row in rows:
            yield _exchange(row)
        if len(rows) < PAGE:
            return
        last = (rows[-1].started_at, rows[-1].id)


def spool_mark(store: Store, worker: str) -> Position:
    """How far the worker's spool has been read: segment and offset; ``(0, 0)`` at first."""
    with store.read() as connection:
        marks = schema.spool_mark
        row = connection.execute(select(marks).where(marks.c.worker == worker)).one_or_none()
    return Position(row.segment, row.offset) if row else Position(0, 0)


def save_spooled(
    store: Store,
    worker: str,
    position: Position,
    exchanges: Sequence[Exchange],
    intents: Sequence[Intent],
    gaps: Sequence[tuple[Position, Gap | Rot]] = (),
    *,
    restarted: bool = False,
    at: float = 0.0,
) -> int:
    """One batch of a spool and the mark after it, in one transaction. Returns the number of new exchanges.

    ``restarted`` says that the worker began anew before this batch: what it had open is unfinished. ``at`` is the
    moment of reading, kept with rotten frames, which can't tell theirs.
    """
    with store.write() as connection:
        if restarted:
            _give_up(connection, schema.open_intent.c.worker == worker)
        new = _save_exchanges(connection, exchanges)
        _save_open(connection, worker, intents, {exchange.id for exchange in exchanges})
        rows = [_gap_row(worker, where, found, at) for where, found in gaps]
        upsert(connection, schema.gap, rows, update=False)
        mark = {"worker": worker, "segment": position[0], "offset": position[1]}
        upsert(connection, schema.spool_mark, [mark])
    return new


def give_up_intents(store: Store, before: float) -> int:
    """Makes unfinished exchanges of requests begun before ``before`` (Unix seconds) that were never heard of again."""
    old = schema.open_intent.c.started_at < before
    with store.read() as connection:
        if not connection.scalar(select(func.count()).select_from(schema.open_intent).where(old)):
            return 0
    with store.write() as connection:
        return _give_up(connection, old)


def list_gaps(store: Store, worker: str | None = None) -> list[tuple[str, float, int, str]]:
    """What the record is known to lack: (worker, moment, records, reason), in order."""
    gaps = schema.gap
    wanted = select(gaps).order_by(gaps.c.worker, gaps.c.segment, gaps.c.offset)
    if worker is not None:
        wanted = wanted.where(gaps.c.worker == worker)
    with store.read() as connection:
        return [(row.worker, row.at, row.records, row.reason) for row in connection.execute(wanted)]


def _save_exchanges(connection: Connection, batch: Sequence[Exchange]) -> int:
    rows = {exchange.id: _row(exchange) for exchange in batch}
    if not rows:
        return 0
    names = list(rows)
    ended = (TABLE.c.id.in_(names)) & (TABLE.c.outcome != Outcome.UNFINISHED.value)
    known = set(connection.scalars(select(TABLE.c.id).where(ended)))
    fresh = [row for name, row in rows.items() if name not in known]
    upsert(connection, TABLE, fresh, only_where=TABLE.c.outcome == Outcome.UNFINISHED.value)
    connection.execute(delete(schema.open_intent).where(schema.open_intent.c.id.in_(names)))
    return len(fresh)


def _save_open(connection: Connection, worker: str, intents: Sequence[Intent], ended: set[str]) -> None:
    waiting = [intent for intent in intents if intent.id not in ended]
    if not waiting:
        return
    # A batch that is read twice must not reopen what has ended since.
    names = [intent.id for intent in waiting]
    known = set(connection.scalars(select(TABLE.c.id).where(TABLE.c.id.in_(names))))
    rows = [
        {
            "id": intent.id,
            "worker": worker,
            "process": intent.process,
            "route": intent.route,
            "dialect": intent.dialect,
            "started_at": intent.started_at,
        }
        for intent in waiting
        if intent.id not in known
    ]
    upsert(connection, schema.open_intent, rows, update=False)


def _give_up(connection: Connection, which: Any) -> int:
    opened = schema.open_intent
    rows = connection.execute(select(opened).where(which)).all()
    lost = [
        _unfinished(Intent(id=r.id, process=r.process, route=r.route, dialect=r.dialect, started_at=r.started_at))
        for r in rows
    ]
    upsert(connection, TABLE, lost, update=False)
    connection.execute(delete(opened).where(which))
    return len(lost)


def _gap_row(worker: str, where: Position, found: Gap | Rot, at: float) -> Mapping[str, object]:
    records, moment = (found.records, found.at) if isinstance(found, Gap) else (1, at)
    return {
        "worker": worker,
        "segment": where[0],
        "offset": where[1],
        "at": moment,
        "records": records,
        "reason": found.reason,
    }


def _where(
    wanted: Select[Any], process: str | None, since: float | None, until: float | None, outcome: Outcome | str | None
) -> Select[Any]:
    if process is not None:
        wanted = wanted.where(TABLE.c.process == process)
    if since is not None:
        wanted = wanted.where(TABLE.c.started_at >= since)
    if until is not None:
        wanted = wanted.where(TABLE.c.started_at < until)
    if outcome is not None:
        wanted = wanted.where(TABLE.c.outcome == str(outcome))
    return wanted


def _unfinished(intent: Intent) -> dict[str, object]:
    return _row(
        Exchange(
            id=intent.id,
            process=intent.process,
            route=intent.route,
            dialect=intent.dialect,
            stream=False,
            started_at=intent.started_at,
            outcome=Outcome.UNFINISHED,
            status=0,
            request=b"",
            answer=b"",
            upstream=None,
            model=None,
        )
    )


def _row(exchange: Exchange) -> dict[str, object]:
    return {
        "id": exchange.id,
        "process": exchange.process,
        "route": exchange.route,
        "dialect": exchange.dialect,
        "stream": exchange.stream,
        "started_at": exchange.started_at,
        "outcome": exchange.outcome.value,
        "status": exchange.status,
        "request": exchange.request,
        "answer": exchange.answer,
        "upstream": exchange.upstream,
        "model": exchange.model,
        "attempts": _to_json.encode(exchange.attempts).decode(),
        "usage": _to_json.encode(exchange.usage).decode() if exchange.usage else None,
        "first_content_ms": exchange.first_content_ms,
        "elapsed_ms": exchange.elapsed_ms,
        "error_code": exchange.error_code,
        "dropped": _to_json.encode(exchange.dropped).decode(),
        "metadata": _to_json.encode(exchange.metadata).decode(),
    }


def _exchange(row: Row[Any]) -> Exchange:
    found = dict(row._mapping)
    return Exchange(
        **found
        | {
            "outcome": Outcome(row.outcome),
            "attempts": _attempts.decode(row.attempts),
            "usage": _usage.decode(row.usage) if row.usage else None,
            "dropped": _words.decode(row.dropped),
            "metadata": _metadata.decode(found["metadata"]),
        }
    )
