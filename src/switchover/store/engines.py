"""An address becomes an engine, SQLite or PostgreSQL, tuned so that both behave alike; errors in words."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import StaticPool

from switchover.errors import StoreUnavailable

from .files import claim

LOOKS = 100
WRITES = "switchover_writes"
# One writer at a time on PostgreSQL as on SQLite: what is read before it is changed is still so when it is.
WRITER = 0x53574954
CONNECT_SECONDS = 5
# Reads over a year's record take minutes at most; who needs longer is stuck.
STATEMENT_SECONDS = 600
# A machine that is gone must not keep the writer's lock.
GONE_SECONDS = 60

Password = Callable[[], str]

MENDS = (
    ("password authentication failed", "set store_password: to the user's password, or mend the user in store:"),
    ("no password supplied", "give the user's password: store_password: env:NAME or file:PATH"),
    ("no pg_hba.conf entry", "let this machine and user in, in the server's pg_hba.conf"),
    ("translate host name", "mend the host in store:, or see that its name can be resolved"),
    ("failed to resolve host", "mend the host in store:, or see that its name can be resolved"),
    ("Connection refused", "start PostgreSQL, or mend host and port in store:"),
    ("No such file or directory", "start PostgreSQL, or mend the folder of its socket in store:"),
    ("timeout expired", "see that the host in store: can be reached from this machine"),
    ("too many clients", "raise max_connections of the server, or put a pool before it"),
    ("remaining connection slots", "raise max_connections of the server, or put a pool before it"),
    ("lock timeout", "wait for the other program that writes to the store, or stop it"),
    ("statement timeout", "see what else keeps the server busy, and try again"),
    ("read-only transaction", "name the primary server in store:, not a replica"),
    ("permission denied", "let the user in store: create and change tables in this database"),
    ("shutting down", "wait until PostgreSQL is back: what is recorded meanwhile lies in the spool"),
    ("starting up", "wait until PostgreSQL is back: what is recorded meanwhile lies in the spool"),
    ("could not extend file", "make room on the disk of the PostgreSQL server"),
    ("No space left on device", "make room on the disk of the PostgreSQL server"),
    ("role ", "create the user in PostgreSQL, or mend it in store:"),
    ('database "', "create it: CREATE DATABASE name ENCODING 'UTF8'; or mend the name in store:"),
    ("full", "make room on the disk that holds the data folder"),
    ("readonly", "make the data folder and the files in it writable for this user"),
    ("locked", "wait for the other program that writes to the store, or stop it"),
    ("malformed", "restore the store from a backup, or fill it again: switchover store rebuild"),
    ("not a database", "name another file under store:, or fill it again: switchover store rebuild"),
)


def engine_of(url: str, busy_seconds: float, password: Password | None = None) -> tuple[Engine, str]:
    """The engine for ``url``, and what the store is called in errors. Raises StoreUnavailable.

    ``password`` is asked at each new connection: one that was changed is used from then on.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, busy_seconds), str(parsed.database)
    name = f"postgresql://{parsed.host or 'localhost'}{f':{parsed.port}' if parsed.port else ''}/{parsed.database}"
    try:
        return _postgres(parsed, busy_seconds, password), name
    except ModuleNotFoundError as cause:
        raise StoreUnavailable(
            f"the store {name} needs a driver that is not installed: {cause.name}",
            mend="install it: pip install 'switchover[postgres]'",
        ) from cause


def is_postgres(connection: Connection) -> bool:
    """Whether this is PostgreSQL."""
    return connection.dialect.name == "postgresql"


def unavailable(name: str, cause: BaseException | None) -> StoreUnavailable:
    """Our error for what a driver said. A row's values, which PostgreSQL may add in a detail, are left out."""
    primary = getattr(getattr(cause, "diag", None), "message_primary", None)
    said = "; ".join(line.strip() for line in str(primary or cause).splitlines() if line.strip())
    mend = next((mend for word, mend in MENDS if word in said), "see that the database runs and can be reached")
    return StoreUnavailable(f"the store {name} can't be used: {said}", mend=mend)


def _parsed(url: str) -> URL:
    """The address; a plain ``postgres://`` is taken as what we speak. No error has a cause that could show it."""
    scheme, _, rest = url.partition("://")
    try:
        parsed = make_url(f"postgresql+psycopg://{rest}" if scheme in ("postgres", "postgresql") else url)
        known = parsed.drivername in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg")
    except (ArgumentError, NoSuchModuleError, ValueError):
        known = False
    if not known:
        raise StoreUnavailable(
            "the store's address is not one we can open",
            mend="write sqlite:///FILE or postgresql+psycopg://USER@HOST:PORT/NAME under store:",
        )
    return parsed


def _postgres(url: URL, busy_seconds: float, password: Password | None) -> Engine:
    settings = {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "switchover",
        "client_encoding": "utf8",
        "keepalives_idle": GONE_SECONDS // 2,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": GONE_SECONDS * 1000,
    }
    chosen = {name: value for name, value in settings.items() if name not in url.query}
    engine = create_engine(url, pool_pre_ping=True, hide_parameters=True, connect_args=chosen)
    from .postgres import told_without_nul

    @event.listens_for(engine, "do_connect")
    def connecting(_dialect: object, _record: object, _words: object, named: dict[str, Any]) -> None:
        if password is not None:
            named["password"] = password()

    @event.listens_for(engine, "connect")
    def connected(raw: Any, _record: object) -> None:
        encoding = raw.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise StoreUnavailable(
                f"the store's database keeps text as {encoding}", mend="create it with ENCODING 'UTF8'"
            )
        told_without_nul(raw)
        limits = {
            "lock_timeout": busy_seconds,
            "statement_timeout": STATEMENT_SECONDS,
            "idle_in_transaction_session_timeout": GONE_SECONDS,
        }
        asked = ", ".join(f"set_config('{name}', '{int(limit * 1000)}', false)" for name, limit in limits.items())
        with raw.cursor() as cursor:
            cursor.execute(f"SELECT {asked}")
        raw.commit()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        if connection.get_execution_options().get(WRITES):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER})")

    return engine


def _sqlite(url: URL, busy_seconds: float) -> Engine:
    memory = url.database in (None, "", ":memory:")
    pool: dict[str, Any] = {"poolclass": StaticPool} if memory else {}
    if not memory:
        _claim(str(url.database))
    settings = {"timeout": busy_seconds, "check_same_thread": False}
    engine = create_engine(url, hide_parameters=True, connect_args=settings, **pool)

    @event.listens_for(engine, "connect")
    def connected(raw: Any, _record: object) -> None:
        raw.isolation_level = None  # we say BEGIN ourselves, below
        raw.execute(f"PRAGMA busy_timeout={int(busy_seconds * 1000)}")
        # Heeded in an empty file only: what retention deletes can be given back to the disk.
        raw.execute("PRAGMA auto_vacuum=INCREMENTAL")
        _write_ahead(raw, busy_seconds)
        raw.execute("PRAGMA synchronous=FULL")
        # 16 MB each: a batch of the index fits in memory, and what it touches again leaves the log less often.
        raw.execute("PRAGMA cache_size=-16000")
        raw.execute("PRAGMA wal_autocheckpoint=4000")
        # What is deleted is overwritten.
        raw.execute("PRAGMA secure_delete=ON")
        raw.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # A writer that began as a reader could not wait for another writer: SQLite refuses it at once.
        writes = connection.get_execution_options().get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _claim(path: str) -> None:
    """Makes the file before SQLite does, so that it is ours alone and a missing folder is named as such."""
    try:
        claim(Path(path))
    except OSError as cause:
        mends = {
            FileNotFoundError: f"make the folder {os.path.dirname(path) or '.'}, or name another file under store:",
            PermissionError: "make the data folder and the files in it writable for this user",
        }
        mend = mends.get(type(cause), "make the data folder writable and see that its disk has room")
        raise StoreUnavailable(f"the store {path} can't be opened: {cause.strerror}", mend=mend) from cause


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
