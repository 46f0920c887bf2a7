"""Recorded exchanges, as they are found again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, Select, func, select

from switchover.domain.exchange import SIDE_DIALECTS, AttemptRecord, Exchange, Length, Outcome, Usage
from switchover.domain.process import Bodies, DataClass
from switchover.errors import NotFound

from . import schema
from .counting import COUNTED, counted, each_row
from .database import Store
from .words import opened

TABLE = schema.exchange
PAGE = 500

_attempts = msgspec.json.Decoder(tuple[AttemptRecord, ...])
_usage = msgspec.json.Decoder(Usage)
_length = msgspec.json.Decoder(Length)
_words = msgspec.json.Decoder(tuple[str, ...])
_metadata = msgspec.json.Decoder(dict[str, str])

BARE = select(*(column for column in TABLE.c if column.name != "archived"))
WHOLE = BARE.add_columns(schema.body.c.key, schema.body.c.content).join(
    schema.body, schema.body.c.exchange == TABLE.c.id, isouter=True
)


def get_exchange(store: Store, name: str) -> Exchange | None:
    """The exchange with this id, or the one whose id begins so. Raises NotFound when several do."""
    with store.read() as connection:
        # Not LIKE, which tells capitals apart on one database and not on the other.
        begins = func.substr(TABLE.c.id, 1, len(name)) == name
        beginning = WHOLE.where(begins).order_by(TABLE.c.id).limit(2)
        rows = connection.execute(WHOLE.where(TABLE.c.id == name)).all() or connection.execute(beginning).all()
    if len(rows) > 1 or not name:
        raise NotFound(f"several exchanges begin with {name!r}", mend="give more of the id")
    return exchange_of(store, rows[0]) if rows else None


def find_exchanges(store: Store, ids: Collection[str]) -> dict[str, Exchange]:
    """The exchanges with these ids, by id, with their bodies; those that are not in the store are left out."""
    found: dict[str, Exchange] = {}
    wanted = sorted(set(ids))
    for at in range(0, len(wanted), PAGE):
        with store.read() as connection:
            rows = connection.execute(WHOLE.where(TABLE.c.id.in_(wanted[at : at + PAGE]))).all()
        found |= {row.id: exchange_of(store, row) for row in rows}
    return found


def list_exchanges(
    store: Store,
    *,
    process: str | None = None,
    since: float | None = None,
    until: float | None = None,
    outcome: Outcome | str | None = None,
    limit: int = 50,
    newest_first: bool = True,
    bodies: bool = True,
) -> list[Exchange]:
    """Exchanges that began in ``[since, until)``, at most ``limit``; without ``bodies`` both bodies are empty."""
    ways = (TABLE.c.started_at, TABLE.c.id)
    wanted = _where(WHOLE if bodies else BARE, process, since, until, outcome)
    wanted = wanted.order_by(*(way.desc() if newest_first else way.asc() for way in ways)).limit(limit)
    with store.read() as connection:
        return [exchange_of(store, row) for row in connection.execute(wanted)]


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
    """A process's complete exchanges with a 2xx status, oldest first: what a trial may replay, or a student learn.

    An answer by another model than the one asked is not among them: it says nothing of either's quality. Nor are side
    requests, which have no answer in words, nor exchanges of which no body is kept.
    """
    whole = Outcome.COMPLETE
    for exchange in each_exchange(store, process=process, since=since, until=until, outcome=whole, side=False):
        kept = exchange.bodies in (Bodies.FULL, Bodies.REDACTED)
        if kept and 200 <= exchange.status < 300 and exchange.by_other is None:
            yield exchange


def each_exchange(
    store: Store,
    *,
    process: str | None = None,
    since: float | None = None,
    until: float | None = None,
    outcome: Outcome | str | None = None,
    side: bool = True,
    bodies: bool = True,
) -> Iterator[Exchange]:
    """Every exchange that meets the conditions, oldest first, read page by page so that the record need not fit.

    ``side``: with embeddings and counts of tokens. Without ``bodies`` request and answer are empty.
    """
    wanted = _where(WHOLE if bodies else BARE, process, since, until, outcome)
    if not side:
        wanted = wanted.where(TABLE.c.dialect.not_in(SIDE_DIALECTS))
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
            yield exchange_of(store, row)
        if len(rows) < PAGE:
            return
        last = (rows[-1].started_at, rows[-1].id)


def has_answered(store: Store, upstream: str, *, since: float) -> bool:
    """Whether an exchange that began at ``since`` or later was answered by this upstream."""
    wanted = select(TABLE.c.id).where(TABLE.c.started_at >= since, TABLE.c.upstream == upstream).limit(1)
    with store.read() as connection:
        return connection.scalar(wanted) is not None


def some_exchanges(store: Store, ids: Sequence[str]) -> list[Exchange]:
    """The exchanges with these ids, as far as they are there, with their bodies."""
    found = []
    for at in range(0, len(ids), PAGE):
        with store.read() as connection:
            rows = connection.execute(WHOLE.where(TABLE.c.id.in_(list(ids[at : at + PAGE])))).all()
        found += [exchange_of(store, row) for row in rows]
    return found


def known_exchanges(store: Store, ids: Sequence[str]) -> set[str]:
    """Which of these ids belong to exchanges that ended."""
    ended = TABLE.c.id.in_(list(ids)) & (TABLE.c.outcome != Outcome.UNFINISHED.value)
    with store.read() as connection:
        return set(connection.scalars(select(TABLE.c.id).where(ended)))


def newest_keys(store: Store, limit: int = 200) -> set[str]:
    """The wrapping keys of the newest exchanges whose bodies are sealed."""
    wanted = select(schema.body.c.key).join(TABLE, TABLE.c.id == schema.body.c.exchange)
    wanted = wanted.order_by(TABLE.c.started_at.desc()).limit(limit)
    with store.read() as connection:
        return {key for key in connection.scalars(wanted) if key}


def each_counted(
    store: Store,
    *,
    process: str | None = None,
    since: float | None = None,
    until: float | None = None,
    side: bool = True,
) -> Iterator[Exchange]:
    """As :func:`each_exchange`, with what is counted and priced of each alone: a million of them take seconds."""
    wanted = _where(COUNTED, process, since, until, None)
    if not side:
        wanted = wanted.where(TABLE.c.dialect.not_in(SIDE_DIALECTS))
    with store.read() as connection:
        for row in each_row(connection, wanted):
            yield counted(row)


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


def exchange_of(store: Store, row: Row[Any]) -> Exchange:
    """A row of :data:`BARE` or :data:`WHOLE` as an exchange."""
    found = dict(row._mapping)
    key, content = found.pop("key", None), found.pop("content", None)
    return Exchange(
        **found
        | {
            "outcome": Outcome(row.outcome),
            "attempts": _attempts.decode(row.attempts),
            "usage": _usage.decode(row.usage) if row.usage else None,
            "dropped": _words.decode(row.dropped),
            "metadata": _metadata.decode(found["metadata"]),
            "bodies": Bodies(row.bodies),
            "data": DataClass(row.data) if row.data else None,
            "length": _length.decode(row.length) if row.length else None,
        }
        | opened(store, row.id, key, content)
    )
