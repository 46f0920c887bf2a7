"""Who is signed in to the pages: a session ends with its time, when nobody comes, or when somebody ends it."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import delete, select, update

from switchover.domain.people import Session

from . import schema
from .database import Store

TABLE = schema.session


def save_session(store: Store, session: Session) -> None:
    """Saves a new session, and forgets those that are over."""
    with store.write() as connection:
        connection.execute(delete(TABLE).where(TABLE.c.expires_at <= session.made_at))
        connection.execute(TABLE.insert().values(asdict(session)))


def session(store: Store, name: str) -> Session | None:
    """The session with this id."""
    with store.read() as connection:
        row = connection.execute(select(TABLE).where(TABLE.c.id == name)).one_or_none()
    return Session(**row._mapping) if row is not None else None


def touch_session(store: Store, name: str, at: float) -> None:
    """Somebody came at that moment."""
    with store.write() as connection:
        connection.execute(update(TABLE).where(TABLE.c.id == name, TABLE.c.seen_at < at).values(seen_at=at))


def end_session(store: Store, name: str) -> None:
    """Ends a session."""
    with store.write() as connection:
        connection.execute(delete(TABLE).where(TABLE.c.id == name))
