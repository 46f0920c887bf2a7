"""What goes from the store when its time has come: in small transactions, each with the count of what it deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, delete, func, select, text, update

from switchover.domain.process import Bodies

from . import schema
from .archive.partitions import unplaced
from .database import Store, upsert

# So few rows that whoever indexes waits some milliseconds for one transaction.
STEP = 500
# Pages of 4 KB that SQLite hands back to the disk at a time.
PAGES = 500
EXCHANGES, BODIES, ARCHIVE, SPOOL = "exchanges", "bodies", "archive", "spool"

EXCHANGE, BODY, DELETION, RUN = schema.exchange, schema.body, schema.deletion, schema.retention_run
KEPT = (Bodies.FULL.value, Bodies.REDACTED.value)


class Place(NamedTuple):
    """How far a pass came among a process's exchanges, oldest first."""

    at: float
    id: str


BEGINNING = Place(float("-inf"), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """What was deleted of a kind: all of a process that began before ``before``; so many so far."""

    what: str
    process: str
    before: float
    count: int


def processes(store: Store) -> list[str]:
    """Every process that the store holds exchanges of, configured or not."""
    with store.read() as connection:
        return sorted(connection.scalars(select(EXCHANGE.c.process).distinct()))


def strip_bodies(store: Store, process: str, before: float, after: Place, at: float, *, archived: bool) -> Place | None:
    """Deletes the bodies of some of the exchanges; returns how far it came, None at the end.

    What candidates answered to them, and what the baseline answered when asked again, goes with them; scores stay.
    ``archived``: only of those that the archive holds. ``at`` is the moment of the deletion.
    """
    wanted = _some(process, before, after, archived).add_columns(EXCHANGE.c.bodies)
    with store.read() as connection:
        rows = connection.execute(wanted).all()
    names = [row.id for row in rows if row.bodies in KEPT]
    if names:
        with store.write() as connection:
            count = connection.execute(delete(BODY).where(BODY.c.exchange.in_(names))).rowcount
            left = update(EXCHANGE).where(EXCHANGE.c.id.in_(names))
            connection.execute(left.values(bodies=Bodies.METADATA.value))
            _forget_words(connection, names)
            _count(connection, BODIES, process, before, count, at)
    return _place(rows)


def delete_exchanges(
    store: Store, process: str, before: float, after: Place, at: float, *, archived: bool
) -> Place | None:
    """Deletes some of the exchanges with their bodies; returns how far it came, None at the end. Figures stay."""
    with store.read() as connection:
        rows = connection.execute(_some(process, before, after, archived)).all()
    names = [row.id for row in rows]
    if names:
        with store.write() as connection:
            connection.execute(delete(BODY).where(BODY.c.exchange.in_(names)))
            _forget_words(connection, names)
            count = connection.execute(delete(EXCHANGE).where(EXCHANGE.c.id.in_(names))).rowcount
            _count(connection, EXCHANGES, process, before, count, at)
    return _place(rows)


def count_due(store: Store, what: str, process: str, before: float, *, archived: bool) -> int:
    """How many exchanges, or bodies, would go."""
    wanted = select(func.count()).select_from(EXCHANGE)
    if what == BODIES:
        wanted = wanted.where(EXCHANGE.c.id.in_(select(BODY.c.exchange)), EXCHANGE.c.bodies.in_(KEPT))
    with store.read() as connection:
        return int(connection.scalar(_where(wanted, process, before, archived)) or 0)


def note_deletion(store: Store, what: str, process: str, before: float, count: int, at: float) -> None:
    """Counts what was deleted outside the database: segments of a spool."""
    with store.write() as connection:
        _count(connection, what, process, before, count, at)


def unnoted_deletions(store: Store) -> list[Deleted]:
    """What was deleted and is not in the evidence log yet."""
    wanted = select(DELETION).where(DELETION.c.noted.is_(False))
    with store.read() as connection:
        rows = connection.execute(wanted.order_by(DELETION.c.what, DELETION.c.process, DELETION.c.before)).all()
    return [Deleted(what=row.what, process=row.process, before=row.before, count=row._mapping["count"]) for row in rows]


def deletion_noted(store: Store, one: Deleted) -> None:
    """The evidence log has it. What was counted since is to be noted again."""
    key = (DELETION.c.what == one.what, DELETION.c.process == one.process, DELETION.c.before == one.before)
    with store.write() as connection:
        connection.execute(update(DELETION).where(*key, DELETION.c.count == one.count).values(noted=True))


def last_run(store: Store) -> float | None:
    """When retention last ran (Unix seconds)."""
    with store.read() as connection:
        at: float | None = connection.scalar(select(RUN.c.at).where(RUN.c.name == "retention"))
    return at


def set_last_run(store: Store, at: float) -> None:
    """Retention runs at this moment."""
    with store.write() as connection:
        upsert(connection, RUN, [{"name": "retention", "at": at}])


def oldest_unarchived(store: Store) -> float | None:
    """When the oldest exchange began that lies in no part of the archive."""
    with store.read() as connection:
        at: float | None = connection.scalar(select(func.min(EXCHANGE.c.started_at)).where(text(schema.NOT_ARCHIVED)))
    under_way = [partition.begins for _, partition, _ in unplaced(store)]
    return min([*under_way, *([] if at is None else [at])], default=None)


def give_space_back(store: Store) -> bool:
    """Hands some free pages of an SQLite file back to the disk; False when none is left, or somebody else writes."""
    if store.engine.dialect.name != "sqlite":
        return False
    with store.read() as connection:
        free = _free(connection)
        if not free or not connection.exec_driver_sql("PRAGMA auto_vacuum").scalar():
            return False
    plain = store.engine.raw_connection()
    try:
        # One page a step, and a script alone is stepped to its end.
        raw: Any = plain.driver_connection
        raw.executescript(f"PRAGMA incremental_vacuum({PAGES})")
    except sqlite3.OperationalError:
        return False
    finally:
        plain.close()
    return free > PAGES


def _free(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA freelist_count").scalar() or 0)


def _some(process: str, before: float, after: Place, archived: bool) -> Select[Any]:
    at, name = EXCHANGE.c.started_at, EXCHANGE.c.id
    wanted = _where(select(name, at), process, before, archived).order_by(at, name).limit(STEP)
    if after is BEGINNING:
        return wanted
    return wanted.where((at > after.at) | ((at == after.at) & (name > after.id)), at >= after.at)


def _where(wanted: Select[Any], process: str, before: float, archived: bool) -> Select[Any]:
    wanted = wanted.where(EXCHANGE.c.process == process, EXCHANGE.c.started_at < before)
    if not archived:
        return wanted
    # What was reserved for a part that is not placed yet may lie in its draft alone.
    under_way = select(schema.archive_part.c.number).where(schema.archive_part.c.placed.is_(False))
    return wanted.where(EXCHANGE.c.archived.is_not(None), EXCHANGE.c.archived.not_in(under_way))


def _place(rows: Sequence[Any]) -> Place | None:
    return Place(rows[-1].started_at, rows[-1].id) if len(rows) == STEP else None


def _forget_words(connection: Connection, names: Sequence[str]) -> None:
    cases, samples = schema.scored_case, schema.baseline_sample
    connection.execute(update(cases).where(cases.c.exchange_id.in_(names)).values(answer=None))
    # A judge gives its reason in its own words, and they may be those that are deleted.
    judged = cases.c.exchange_id.in_(names) & (cases.c.judge_calls > 0)
    connection.execute(update(cases).where(judged).values(reason=""))
    connection.execute(delete(samples).where(samples.c.exchange_id.in_(names)))


def _count(connection: Connection, what: str, process: str, before: float, count: int, at: float) -> None:
    if not count:
        return
    row = {"what": what, "process": process, "before": before, "count": 0, "at": at, "noted": False}
    upsert(connection, DELETION, [row], update=False)
    key = (DELETION.c.what == what, DELETION.c.process == process, DELETION.c.before == before)
    added = update(DELETION).where(*key).values(count=DELETION.c.count + count, at=at, noted=False)
    connection.execute(added)
