"""The store, open: reads that see one moment, one writer at a time; the one place that makes its errors ours."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolEmpty
from sqlalchemy.pool import StaticPool

from .engines import WRITES, Password, engine_of, is_postgres, unavailable
from .migrations import HEAD
from .words import Sealer

BUSY_SECONDS = 5.0
# From so many rows on a statement is compiled once and handed to the driver.
MANY = 20


class Store:
    """A database, open. Threads may share it; processes open their own.

    Build with :meth:`open`. Every method and every function of this package that takes a store raises
    :class:`~switchover.errors.StoreUnavailable` when the database can't be read or written.
    """

    def __init__(self, engine: Engine, name: str, sealer: Sealer | None = None) -> None:
        self.engine, self.name, self.sealer = engine, name, sealer

    @classmethod
    def open(
        cls,
        url: str,
        *,
        busy_seconds: float = BUSY_SECONDS,
        password: Password | None = None,
        sealer: Sealer | None = None,
    ) -> Store:
        """Opens ``url`` (an SQLAlchemy URL), and creates or migrates what is there.

        A writer waits ``busy_seconds`` for another one before it gives up. An SQLite file is made readable by its
        owner only. ``password`` gives that of the URL's user, at each new connection. Words are sealed and opened by
        ``sealer``; without one they are kept as they come, and what is sealed can't be read.
        """
        store = cls(*engine_of(url, busy_seconds, password), sealer)
        try:
            store._migrate()
        except BaseException:
            store.close()
            raise
        return store

    @property
    def embedded(self) -> bool:
        """Whether it is a file of this machine's, so that no other machine can have written to it."""
        return self.engine.dialect.name == "sqlite"

    @property
    def is_shared(self) -> bool:
        """False for a store in memory, whose one connection no two threads may use at the same time."""
        return not isinstance(self.engine.pool, StaticPool)

    def close(self) -> None:
        """Closes every connection, and the key ring."""
        self.engine.dispose()
        if self.sealer is not None:
            self.sealer.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one moment of the store."""
        with self._translated(), self.engine.connect() as plain:
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if is_postgres(plain) else {}
            connection = plain.execution_options(**options)
            with connection.begin():
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
            raise unavailable(self.name, cause.orig) from cause
        except PoolEmpty as cause:
            raise unavailable(self.name, cause) from cause

    def _migrate(self) -> None:
        with self.read() as connection:
            there = connection.dialect.has_table(connection, "alembic_version")
            found = connection.scalar(text("SELECT version_num FROM alembic_version")) if there else None
        if found == HEAD:
            return
        # Alembic takes 0.2 s to import: only who has something to migrate pays for it.
        from .migrations.migrate import migrate

        with self.write() as connection:
            migrate(connection, self.name)


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
    insert: Any = (postgresql if is_postgres(connection) else sqlite).insert(table)
    changed = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    if update and changed:
        statement = insert.on_conflict_do_update(index_elements=keys, set_=changed, where=only_where)
    else:
        statement = insert.on_conflict_do_nothing(index_elements=keys)
    if len(rows) < MANY:
        connection.execute(statement, [dict(row) for row in rows])
        return
    # SQLAlchemy looks at every parameter of every row, which costs as much as the database does. All of ours are of
    # types that the drivers take as they are.
    compiled = statement.values(rows[0]).compile(dialect=connection.dialect)
    # The condition's own value is among them.
    fixed = {name: value for name, value in compiled.params.items() if name not in rows[0]}
    if compiled.positional:
        names = compiled.positiontup
        full: Any = [tuple([fixed[name] if name in fixed else row[name] for name in names]) for row in rows]
    else:
        full = [{**row, **fixed} for row in rows]
    connection.exec_driver_sql(compiled.string, full)
