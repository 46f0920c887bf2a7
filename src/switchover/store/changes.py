"""Changes that opened empty ledgers, never removed."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import select

from switchover.domain.candidate import Marks
from switchover.domain.watching import Change, ChangeKind

from . import schema
from .database import Store, upsert
from .facts import Fact, fact
from .versions import bump


def save_change(store: Store, change: Change) -> Fact:
    """Saves a change; returns the row as a fact."""
    row = asdict(change) | {"kind": change.kind.value}
    with store.write() as connection:
        upsert(connection, schema.change, [row])
        bump(connection)
    return fact("change", row)


def changes(store: Store, process: str | None = None) -> list[Change]:
    """Every change (of a process), oldest first."""
    table = schema.change
    wanted = select(table).order_by(table.c.at, table.c.id)
    if process is not None:
        wanted = wanted.where(table.c.process == process)
    with store.read() as connection:
        rows = connection.execute(wanted)
        return [Change(**dict(row._mapping) | {"kind": ChangeKind(row.kind)}) for row in rows]


def marks(store: Store, process: str, upstream: str) -> Marks:
    """The last changes that concern an upstream's ledgers."""
    return marks_in(changes(store, process), process, upstream)


def marks_in(found: list[Change], process: str, upstream: str) -> Marks:
    """The same, of changes that were read already, oldest first."""
    own = [change for change in found if change.process == process]
    whole = next((change for change in reversed(own) if change.upstream is None), None)
    part = next((change for change in reversed(own) if change.upstream == upstream), None)
    return Marks(
        baseline=whole.id if whole else "", replacement=part.id if part else "", since=whole.since if whole else None
    )
