"""Labels of people, by cell. They hold marks and no words."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import delete, select

from switchover.domain.label import Label

from . import schema
from .database import Store, upsert

TABLE = schema.label


def save_label(store: Store, label: Label) -> None:
    """Saves a label; an earlier one by the same person of the same case is replaced."""
    with store.write() as connection:
        upsert(connection, TABLE, [asdict(label)])


def remove_label(store: Store, label: Label) -> None:
    """Takes a label back."""
    same = (TABLE.c.cell_id == label.cell_id, TABLE.c.exchange_id == label.exchange_id, TABLE.c.person == label.person)
    with store.write() as connection:
        connection.execute(delete(TABLE).where(*same))


def labels_of(store: Store, cell_id: str) -> list[Label]:
    """The cell's labels, in the order in which they were given."""
    wanted = select(TABLE).where(TABLE.c.cell_id == cell_id).order_by(TABLE.c.at, TABLE.c.exchange_id, TABLE.c.person)
    with store.read() as connection:
        return [Label(**row._mapping) for row in connection.execute(wanted)]
