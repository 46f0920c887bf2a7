"""The register's version: whoever changes the register raises it in the same transaction."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from . import schema
from .database import Store, upsert

ROW = "register"
TABLE = schema.register_version


def register_version(store: Store) -> int:
    """Rises with every change to keys, proofs, prompt versions, cut-offs and what is held to be lost; 0 at first."""
    with store.read() as connection:
        return int(connection.scalar(select(TABLE.c.version).where(TABLE.c.name == ROW)) or 0)


def bump_register(store: Store) -> int:
    """Raises the version for a change that lies outside the store (settings, endpoints); returns the new one."""
    with store.write() as connection:
        bump(connection)
        return int(connection.scalar(select(TABLE.c.version).where(TABLE.c.name == ROW)) or 0)


def bump(connection: Connection) -> None:
    """Raises the version within a transaction that changes the register."""
    upsert(connection, TABLE, [{"name": ROW, "version": 0}], update=False)
    connection.execute(update(TABLE).where(TABLE.c.name == ROW).values(version=TABLE.c.version + 1))
