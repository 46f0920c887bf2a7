"""Adds sums to rows that may be there, whatever the database; ``last_at`` is the later of both."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Insert, Table, case
from sqlalchemy.dialects import postgresql, sqlite


def added_columns(table: Table) -> list[str]:
    """The columns that are sums."""
    return [column.name for column in table.columns if not column.primary_key and column.name != "last_at"]


@cache
def adding(table: Table, dialect: str) -> Insert:
    """The statement that adds a row to the one with its key."""
    insert: Any = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    new = insert.excluded
    change: dict[str, Any] = {name: table.c[name] + new[name] for name in added_columns(table)}
    if "last_at" in table.c:
        change["last_at"] = case((new.last_at > table.c.last_at, new.last_at), else_=table.c.last_at)
    keys = [column.name for column in table.primary_key]
    added: Insert = insert.on_conflict_do_update(index_elements=keys, set_=change)
    return added
