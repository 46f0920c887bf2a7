"""What the record is known to lack, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from . import schema
from .database import Store, upsert
from .spool_frames import Gap, Position, Rot

TABLE = schema.gap


@dataclass(frozen=True, slots=True)
class Missing:
    """``records`` (0 when it can't be told) in so many gaps, for one ``reason``; the newest noticed at ``last``."""

    reason: str
    gaps: int
    records: int
    last: float

    def __str__(self) -> str:
        """In a few words."""
        known = f"{self.records} {'record' if self.records == 1 else 'records'}"
        times = f", {self.gaps} times" if self.gaps > 1 else ""
        return f"{known if self.records else 'an unknown number'} ({self.reason}{times})"


def save_gaps(connection: Connection, worker: str, gaps: Sequence[tuple[Position, Gap | Rot]], at: float) -> None:
    """Saves those that are not there yet; ``at`` is the moment of reading, kept with rot, which can't tell its own.

    A gap whose segment failed stands again in the next one, with the same moment: it is one.
    """
    rows: dict[object, Mapping[str, object]] = {}
    for where, found in gaps:
        row = _row(worker, where, found, at)
        rows.setdefault((found.at, found.reason) if isinstance(found, Gap) else where, row)
    moments = [found.at for _, found in gaps if isinstance(found, Gap)]
    if moments:
        known = select(TABLE.c.at, TABLE.c.reason).where(TABLE.c.worker == worker, TABLE.c.at.in_(moments))
        for at_, reason in connection.execute(known).all():
            rows.pop((at_, reason), None)
    upsert(connection, TABLE, list(rows.values()), update=False)


def list_gaps(store: Store, worker: str | None = None) -> list[tuple[str, float, int, str]]:
    """What the record is known to lack: (worker, moment, records, reason), in order."""
    wanted = select(TABLE).order_by(TABLE.c.worker, TABLE.c.segment, TABLE.c.offset)
    if worker is not None:
        wanted = wanted.where(TABLE.c.worker == worker)
    with store.read() as connection:
        return [(row.worker, row.at, row.records, row.reason) for row in connection.execute(wanted)]


def missing(store: Store) -> list[Missing]:
    """The gaps by reason, most records first; of a reason only what is the same for all."""
    found: dict[str, Missing] = {}
    for _, at, records, reason in list_gaps(store):
        kind = reason.partition(":")[0]
        before = found.get(kind, Missing(kind, 0, 0, 0.0))
        found[kind] = Missing(kind, before.gaps + 1, before.records + records, max(before.last, at))
    return sorted(found.values(), key=lambda one: (-one.records, one.reason))


def _row(worker: str, where: Position, found: Gap | Rot, at: float) -> Mapping[str, object]:
    records, moment = (found.records, found.at) if isinstance(found, Gap) else (1, at)
    return {
        "worker": worker,
        "segment": where[0],
        "offset": where[1],
        "at": moment,
        "records": records,
        "reason": found.reason,
    }
