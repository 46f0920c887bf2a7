"""Who is signed in to the pages: a session ends with its time, when nobody comes, or when somebody ends it.

When somebody last came is kept beside it, by key: it is still known when the session is over.
"""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import Connection, delete, func, select, update

from switchover.domain.people import Session

from . import schema
from .database import Store, upsert

TABLE, SEEN = schema.session, schema.key_seen


def save_session(store: Store, session: Session) -> None:
    """Saves a new session, and forgets those that are over."""
    with store.write() as connection:
        connection.execute(delete(TABLE).where(TABLE.c.expires_at <= session.made_at))
        connection.execute(TABLE.insert().values(asdict(session)))
        _came(connection, session.key, session.seen_at)


def session(store: Store, name: str) -> Session | None:
    """The session with this id."""
    with store.read() as connection:
        row = connection.execute(select(TABLE).where(TABLE.c.id == name)).one_or_none()
    return Session(**row._mapping) if row is not None else None


def touch_session(store: Store, name: str, at: float) -> None:
    """Somebody came at that moment."""
    with store.write() as connection:
        key = connection.scalar(select(TABLE.c.key).where(TABLE.c.id == name, TABLE.c.seen_at < at))
        if key is not None:
            connection.execute(update(TABLE).where(TABLE.c.id == name).values(seen_at=at))
            _came(connection, key, at)


def end_session(store: Store, name: str) -> None:
    """Ends a session."""
    with store.write() as connection:
        connection.execute(delete(TABLE).where(TABLE.c.id == name))


def sessions_by_key(store: Store, since: float, now: float) -> dict[str, int]:
    """How many sessions of each person's key go on: not over, and somebody came from ``since`` on."""
    wanted = select(TABLE.c.key, func.count()).where(TABLE.c.expires_at > now, TABLE.c.seen_at >= since)
    with store.read() as connection:
        return {row.key: row[1] for row in connection.execute(wanted.group_by(TABLE.c.key))}


def last_seen(store: Store) -> dict[str, float]:
    """When somebody last came to the pages with each person's key (Unix seconds), by the key's id."""
    with store.read() as connection:
        return {row.key: row.at for row in connection.execute(select(SEEN.c.key, SEEN.c.at))}


def _came(connection: Connection, key: str, at: float) -> None:
    upsert(connection, SEEN, [{"key": key, "at": at}])
