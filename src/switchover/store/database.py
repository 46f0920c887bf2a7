"""The engine: SQLite (WAL, synchronous=FULL) or PostgreSQL by URL; the one place that makes its errors ours."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.pool import StaticPool

from switchover.errors import StoreUnavailable

from .migrations import HEAD

BUSY_SECONDS = 5.0
LOOKS = 100
WRITES = "switchover_writes"

MENDS = (
    ("full", "make room on the disk that holds the data folder"),
    ("readonly", "make the data folder and the files in it writable for this user"),
    ("locked", "wait for the other program that writes to the store, or stop it"),
    ("malformed", "restore the store from a backup, or move it away: it is filled again from the spool"),
    ("not a database", "name another file under store:, or move this one away"),
)


class Store:
    """A database, open. Threads may share it; processes open their own.

    Build with :meth:`open`. Every method and every function of this package that takes a store raises
    :class:`~switchover.errors.StoreUnavailable` when the database can't be read or written.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine, self.name = engine, name

    @classmethod
    def open(cls, url: str, *, busy_seconds: float = BUSY_SECONDS) -> Store:
        """Opens ``url`` (an SQLAlchemy URL), and creates or migrates what is there.

        A writer waits ``busy_seconds`` for another one before it gives up. An SQLite file is made readable by its
        owner only.
        """
        store = cls(*_engine(url, busy_seconds))
        try:
            store._migrate()
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Closes every connection."""
        self.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one moment of the store."""
        with self._translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection that writes; everything in the block is saved, or nothing is."""
        with self._translated(), self.engine.connect() as plain:
            connection = plain.execution_options(**{WRITES: True})
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as cause:
            raise _unavailable(self.name, str(cause.orig)) from cause

    def _migrate(self) -> None:
        with self.read() as connection:
            there = connection.dialect.has_table(connection, "alembic_version")
            found = connection.scalar(text("SELECT version_num FROM alembic_version")) if there else None
        if found == HEAD:
            return
        # Alembic takes 0.2 s to import: only who has something to migrate pays for it.
        from .migrations.migrate import migrate

        with self.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": 0x53574954})
            migrate(connection, self.name)


def _engine(url: str, busy_seconds: float) -> tuple[Engine, str]:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True), parsed.render_as_string(hide_password=True)
        memory = parsed.database in (None, "", ":memory:")
        pool: dict[str, Any] = {"poolclass": StaticPool} if memory else {}
        if not memory:
            _claim(str(parsed.database))
        engine = create_engine(parsed, connect_args={"timeout": busy_seconds, "check_same_thread": False}, **pool)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as cause:
        raise StoreUnavailable(
            f"the store's address is not one we can open: {type(cause).__name__}",
            mend="write sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME (and install its driver) under store:",
        ) from cause
    _tune(engine, busy_seconds)
    return engine, str(parsed.database)


def _claim(path: str) -> None:
    """Makes the file before SQLite does, so that it is ours alone and a missing folder is named as such."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as cause:
        mends = {
            FileNotFoundError: f"make the folder {os.path.dirname(path) or '.'}, or name another file under store:",
            PermissionError: "make the data folder and the files in it writable for this user",
        }
        mend = mends.get(type(cause), "make the data folder writable and see that its disk has room")
        raise StoreUnavailable(f"the store {path} can't be opened: {cause.strerror}", mend=mend) from cause


def _tune(engine: Engine, busy_seconds: float) -> None:
    @event.listens_for(engine, "connect")
    def connected(raw: Any, _record: object) -> None:
        raw.isolation_level = None  # we say BEGIN ourselves, below
        raw.execute(f"PRAGMA busy_timeout={int(busy_seconds * 1000)}")
        # Heeded in an empty file only: what retention deletes can be given back to the disk.
        raw.execute("PRAGMA auto_vacuum=INCREMENTAL")
        _write_ahead(raw, busy_seconds)
        raw.execute("PRAGMA synchronous=FULL")
        raw.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # A writer that began as a reader could not wait for another writer: SQLite refuses it at once.
        writes = connection.get_execution_options().get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _write_ahead(raw: Any, busy_seconds: float) -> None:
    """Turns the log on; several that do so at once are refused without being made to wait, whatever the timeout."""
    for left in reversed(range(LOOKS)):
        try:
            raw.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if not left:
                raise
            time.sleep(busy_seconds / LOOKS)


def _unavailable(name: str, said: str) -> StoreUnavailable:
    mend = next((mend for word, mend in MENDS if word in said), "see that the database runs and can be reached")
    return StoreUnavailable(f"the store {name} can't be used: {said}", mend=mend)


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, object]],
    *,
    update: bool = True,
    only_where: ColumnElement[bool] | None = None,
) -> None:
    """Inserts rows; one whose primary key is there already is updated (where ``only_where`` holds) or left alone.

    SQLite and PostgreSQL spell this alike, but SQLAlchemy keeps it with each dialect.
    """
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    insert: Any = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    changed = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    if update and changed:
        statement = insert.on_conflict_do_update(index_elements=keys, set_=changed, where=only_where)
    else:
        statement = insert.on_conflict_do_nothing(index_elements=keys)
    connection.execute(statement, [dict(row) for row in rows])
