"""Rights that lapse by themselves."""

from __future__ import annotations

from sqlalchemy import delete, or_, select

from . import schema
from .database import Store, upsert

TABLE = schema.lease


def take_lease(store: Store, name: str, holder: str, *, now: float, seconds: float) -> bool:
    """Takes or renews a lease until ``now + seconds``; False while somebody else holds it."""
    row = {"name": name, "holder": holder, "expires_at": now + seconds}
    free = or_(TABLE.c.holder == holder, TABLE.c.expires_at <= now)
    with store.write() as connection:
        upsert(connection, TABLE, [row], only_where=free)
        return connection.scalar(select(TABLE.c.holder).where(TABLE.c.name == name)) == holder


def release_lease(store: Store, name: str, holder: str) -> None:
    """Gives a lease back; one that somebody else holds by now stays."""
    with store.write() as connection:
        connection.execute(delete(TABLE).where(TABLE.c.name == name, TABLE.c.holder == holder))


def release_leases(store: Store, name: str, holders: str) -> None:
    """Gives back a lease of a holder that is known to be gone: one whose name begins so."""
    theirs = TABLE.c.holder.startswith(holders, autoescape=True)
    with store.write() as connection:
        connection.execute(delete(TABLE).where(TABLE.c.name == name, theirs))


def lease_holder(store: Store, name: str, *, now: float) -> str | None:
    """Who holds it."""
    with store.read() as connection:
        return connection.scalar(select(TABLE.c.holder).where(TABLE.c.name == name, TABLE.c.expires_at > now))
