"""Exchanges on their way from the workers' spools into the store, and how far each spool has been read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, String, Table, delete, func, literal, select, update

from switchover.domain.exchange import Exchange, Intent, Outcome
from switchover.errors import RecordingFailed

from . import schema
from .counting import Meter, count_new, unmetered
from .database import Store, upsert
from .gaps import save_gaps
from .spool_frames import Gap, Position, Rot
from .words import sealed

TABLE = schema.exchange

_to_json = msgspec.json.Encoder()
_to_msgpack = msgspec.msgpack.Encoder()


def save_exchanges(store: Store, batch: Sequence[Exchange], meter: Meter = unmetered) -> int:
    """Saves exchanges; one that is there stays as it is, an unfinished one is replaced. Returns how many are new."""
    batch = sealed(store, batch)
    with store.write() as connection:
        return _save_exchanges(connection, batch, meter)


def save_intents(store: Store, batch: Sequence[Intent]) -> None:
    """Saves requests that were begun and never ended as unfinished exchanges; a later exchange replaces each."""
    with store.write() as connection:
        _save_unfinished(connection, batch)


def spool_mark(store: Store, worker: str) -> Position:
    """How far the worker's spool has been read: segment and offset; ``(0, 0)`` at first."""
    with store.read() as connection:
        marks = schema.spool_mark
        row = connection.execute(select(marks).where(marks.c.worker == worker)).one_or_none()
    return Position(row.segment, row.offset) if row else Position(0, 0)


def adopt_spools(store: Store, machine: str) -> None:
    """Gives spools that were read before machines had names to ``machine``, in whose own store they are."""
    tables = (schema.spool_mark, schema.open_intent, schema.gap)
    with store.read() as connection:
        found = [t for t in tables if connection.scalar(select(t.c.worker).where(_nameless(t)).limit(1)) is not None]
    if not found:
        return
    with store.write() as connection:
        for table in found:
            named = literal(f"{machine}/", String) + table.c.worker
            connection.execute(update(table).where(_nameless(table)).values(worker=named))


def _nameless(table: Table) -> Any:
    return table.c.worker.not_like("%/%")


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
    meter: Meter = unmetered,
) -> int:
    """One batch of a spool and the mark after it, in one transaction. Returns the number of new exchanges.

    ``restarted`` says that the worker began anew before this batch: what it had open is unfinished. ``at`` is the
    moment of reading, kept with rotten frames, which can't tell theirs.
    """
    # Those of a spool that was written in clear are sealed here.
    exchanges = sealed(store, exchanges)
    with store.write() as connection:
        if restarted:
            _give_up(connection, schema.open_intent.c.worker == worker)
        new = _save_exchanges(connection, exchanges, meter)
        _save_open(connection, worker, intents, {exchange.id for exchange in exchanges})
        save_gaps(connection, worker, gaps, at)
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


def _save_exchanges(connection: Connection, batch: Sequence[Exchange], meter: Meter) -> int:
    ends = {exchange.id: exchange for exchange in batch}
    if not ends:
        return 0
    names = list(ends)
    ended = (TABLE.c.id.in_(names)) & (TABLE.c.outcome != Outcome.UNFINISHED.value)
    known = set(connection.scalars(select(TABLE.c.id).where(ended)))
    # An answer is on record before its end is sent where that is required. Where the disk took that too late, the
    # caller was told so, and what is recorded after it says how it really ended.
    late = [exchange for exchange in ends.values() if exchange.error_code == RecordingFailed.code]
    told = [exchange for exchange in late if exchange.id in known]
    fresh = [exchange for name, exchange in ends.items() if name not in known]
    count_new(connection, (*fresh, *told), meter)
    upsert(connection, TABLE, [_row(one) for one in fresh], only_where=TABLE.c.outcome == Outcome.UNFINISHED.value)
    upsert(connection, TABLE, [_row(one) for one in told])
    kept = [one for one in (*fresh, *told) if one.sealed or one.request or one.answer]
    upsert(connection, schema.body, [_body(one) for one in kept])
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
    lost = [Intent(id=r.id, process=r.process, route=r.route, dialect=r.dialect, started_at=r.started_at) for r in rows]
    _save_unfinished(connection, lost)
    connection.execute(delete(opened).where(which))
    return len(lost)


def _save_unfinished(connection: Connection, intents: Sequence[Intent]) -> None:
    exchanges = [_unfinished(intent) for intent in intents]
    count_new(connection, exchanges, replace=False)
    upsert(connection, TABLE, [_row(exchange) for exchange in exchanges], update=False)


def _unfinished(intent: Intent) -> Exchange:
    return Exchange(
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
        "upstream": exchange.upstream,
        "model": exchange.model,
        "attempts": _to_json.encode(exchange.attempts).decode(),
        "usage": _to_json.encode(exchange.usage).decode() if exchange.usage else None,
        "first_content_ms": exchange.first_content_ms,
        "elapsed_ms": exchange.elapsed_ms,
        "error_code": exchange.error_code,
        "dropped": _to_json.encode(exchange.dropped).decode(),
        "metadata": _to_json.encode(exchange.metadata).decode(),
        "bodies": exchange.bodies.value,
        "subject": exchange.subject,
        "data": exchange.data.value if exchange.data else None,
        # One that replaces an unfinished exchange lies in no part yet, whichever holds the unfinished one.
        "archived": None,
        "length": _to_json.encode(exchange.length).decode() if exchange.length else None,
    }


def _body(exchange: Exchange) -> dict[str, object]:
    if exchange.sealed is not None:
        return {"exchange": exchange.id, "key": exchange.sealed.key, "content": exchange.sealed.content}
    return {"exchange": exchange.id, "key": "", "content": _to_msgpack.encode((exchange.request, exchange.answer))}
