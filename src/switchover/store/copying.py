"""Rows from one store to another, whatever the databases: every table of the schema, and those to come."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Boolean, Connection, Table, delete, func, insert, make_url, select, update

from switchover.errors import StoreUnavailable

from . import schema
from .database import Store, upsert
from .versions import bump

BATCH = 200
# Who is there at this moment, who is signed in and who last was: that is over by the time anybody reads a copy.
PASSING = frozenset({schema.lease.name, schema.session.name, schema.key_seen.name})

# What the spool gives again; everything else lives in the store alone.
SPOOLED = frozenset({"exchange", "body", "open_intent", "gap", "spool_mark"})

# Is told how many rows of a table there are so far.
Told = Callable[[str, int], None]
Batch = list[dict[str, Any]]


def silent(table: str, rows: int) -> None:
    """Tells nobody."""


def tables() -> list[Table]:
    """The tables that are copied, each after those that it refers to."""
    return [table for table in schema.metadata.sorted_tables if table.name not in PASSING]


def address_of(path: Path) -> str:
    """The address of an SQLite store in that file."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def file_of(address: str) -> Path | None:
    """The file of an SQLite store; None for another."""
    url = make_url(address)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def batches_of(connection: Connection, table: Table) -> Iterator[Batch]:
    """A table's rows as they are at this connection's moment; it need not fit in memory."""
    asked = connection.execute(select(table), execution_options={"stream_results": True, "yield_per": BATCH})
    for part in asked.mappings().partitions():
        yield [dict(row) for row in part]


def batches_in(raw: sqlite3.Connection, table: Table) -> Iterator[Batch]:
    """The same from a file at the newest schema that is only read, and not as a store: that would write to it."""
    names = [column.name for column in table.columns]
    truths = {column.name for column in table.columns if isinstance(column.type, Boolean)}
    cursor = raw.execute(select(table).compile().string)
    while rows := cursor.fetchmany(BATCH):
        yield [
            {name: bool(value) if name in truths else value for name, value in zip(names, row, strict=True)}
            for row in rows
        ]


def counts(store: Store) -> dict[str, int]:
    """How many rows each table has, at one moment."""
    with store.read() as connection:
        return {t.name: int(connection.scalar(select(func.count()).select_from(t)) or 0) for t in tables()}


def holds_anything(store: Store) -> bool:
    """Whether there is more in it than what opening it leaves."""
    return any(count for name, count in counts(store).items() if name != schema.register_version.name)


def replace_all(store: Store, file: Path, told: Told = silent) -> dict[str, int]:
    """Puts the rows of an SQLite file at the newest schema in place of all that is in the store, or changes nothing.

    Returns how many rows each table got. The register's version rises: every worker looks at it again.
    """
    done: dict[str, int] = {}
    with open_file(file) as raw, store.write() as connection:
        version = connection.scalar(select(func.max(schema.register_version.c.version))) or 0
        for table in reversed(schema.metadata.sorted_tables):
            connection.execute(delete(table))
        for table in tables():
            done[table.name] = 0
            for batch in batches_in(raw, table):
                connection.execute(insert(table), batch)
                done[table.name] += len(batch)
                told(table.name, done[table.name])
            if connection.scalar(select(func.count()).select_from(table)) != done[table.name]:
                raise StoreUnavailable(f"not every row of {table.name} arrived", mend="nothing was changed; try again")
        later = schema.register_version.c.version < version
        connection.execute(update(schema.register_version).where(later).values(version=version))
        bump(connection)
    return done


@contextlib.contextmanager
def open_file(path: Path) -> Iterator[sqlite3.Connection]:
    """An SQLite file, to be read only. Raises StoreUnavailable when it is none or can't be read."""
    raw = None
    try:
        raw = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        raw.execute("SELECT name FROM sqlite_master").fetchall()
        yield raw
    except sqlite3.Error as cause:
        raise StoreUnavailable(
            f"{path} can't be read: {cause}", mend="name a file that `switchover store backup` wrote"
        ) from cause
    finally:
        if raw is not None:
            raw.close()


def as_one_file(path: Path) -> None:
    """Takes the log back into the file, so that it can be read where nothing may be written."""
    raw = sqlite3.connect(path, isolation_level=None)
    try:
        raw.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as cause:
        raise StoreUnavailable(f"{path} can't be written: {cause}", mend="make room on its disk") from cause
    finally:
        raw.close()


def carry_over(old: Store, into: Store, machine: str) -> tuple[Mapping[str, int], Mapping[str, str]]:
    """What an earlier store holds and the spool of ``machine`` does not give: into the new one, row by row.

    Returns how many rows of each table came, and of the tables that could not be read to their end, why. What lies in
    the spool counts before what the old store says, but an unfinished exchange and the moment of a gap.
    """
    came: dict[str, int] = {}
    lost: dict[str, str] = {}
    for table in tables():
        with into.write() as connection:
            if table.name not in SPOOLED:
                connection.execute(delete(table))
            before = int(connection.scalar(select(func.count()).select_from(table)) or 0)
            try:
                for batch in _read(old, table):
                    _take(connection, table, batch, machine)
            except StoreUnavailable as error:
                lost[table.name] = str(error).partition("\n")[0]
            came[table.name] = int(connection.scalar(select(func.count()).select_from(table)) or 0) - before
    return came, lost


def _read(old: Store, table: Table) -> Iterator[Batch]:
    with old.read() as connection:
        yield from batches_of(connection, table)


def _take(connection: Connection, table: Table, batch: Batch, machine: str) -> None:
    if table.name in (schema.spool_mark.name, schema.open_intent.name):
        batch = [row for row in batch if not row["worker"].startswith(f"{machine}/") and "/" in row["worker"]]
    if table.name == schema.exchange.name:
        upsert(connection, table, batch, only_where=table.c.outcome == "unfinished")
    else:
        upsert(connection, table, batch, update=table.name == schema.gap.name)
