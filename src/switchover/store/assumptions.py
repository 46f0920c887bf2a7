"""Assumptions as people said them, edit by edit, never removed."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.exc import IntegrityError

from switchover.domain.costing import Edit

from . import schema
from .database import Store
from .facts import Fact, fact

TABLE = schema.assumption
NAMES = tuple(field.name for field in fields(Edit))


def save_edit(store: Store, edit: Edit) -> Fact | None:
    """Saves an edit; None where its version is somebody else's already, or follows no other."""
    row = asdict(edit) | {"id": edit.id}
    try:
        with store.write() as connection:
            newest = connection.scalar(select(func.max(TABLE.c.version)).where(TABLE.c.name == edit.name)) or 0
            if newest + 1 != edit.version:
                return None
            connection.execute(TABLE.insert(), [row])
    except IntegrityError:
        return None
    return fact("assumption", row)


def edits(store: Store) -> dict[str, Edit]:
    """The newest edit of each name, taken back or not."""
    newest = select(TABLE.c.name, func.max(TABLE.c.version).label("version")).group_by(TABLE.c.name).subquery()
    there = (TABLE.c.name == newest.c.name) & (TABLE.c.version == newest.c.version)
    with store.read() as connection:
        rows = connection.execute(select(TABLE).join(newest, there).order_by(TABLE.c.name))
        return {row.name: _edit(row) for row in rows}


def history(store: Store, name: str, limit: int = 100) -> list[Edit]:
    """The edits of a name, newest first."""
    wanted = select(TABLE).where(TABLE.c.name == name).order_by(TABLE.c.version.desc()).limit(limit)
    with store.read() as connection:
        return [_edit(row) for row in connection.execute(wanted)]


def _edit(row: Row[Any]) -> Edit:
    return Edit(**{name: row._mapping[name] for name in NAMES})
