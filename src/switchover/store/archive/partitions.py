"""Which days are to be archived, and which part holds which exchange: the store's side of the archive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy import Row as SqlRow

from switchover.errors import StoreUnavailable

from .. import schema
from ..database import Store
from ..exchanges import BARE
from .parts import Part, Row, archive_row

DAY_S = 86_400.0
# A part is held in memory while it is written, and sent in one piece.
PART_ROWS, PART_BYTES = 20_000, 24 << 20
PAGE = 500
SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")

EXCHANGE, BODY, PART = schema.exchange, schema.body, schema.archive_part
# Written out, so that SQLite sees which index holds them.
UNARCHIVED = text(schema.NOT_ARCHIVED)
ROWS = BARE.add_columns(BODY.c.key, BODY.c.content).join(BODY, BODY.c.exchange == EXCHANGE.c.id, isouter=True)


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One process and one day (UTC, ``2026-11-25``)."""

    process: str
    day: str

    @property
    def path(self) -> str:
        """Its folder, as Hive names it; what is not plain in a process's name is written as %XX."""
        return f"process={path_of(self.process)}/day={self.day}"

    @property
    def begins(self) -> float:
        """Its first moment, Unix seconds."""
        return datetime.fromisoformat(self.day).replace(tzinfo=UTC).timestamp()


def path_of(name: str) -> str:
    """A name as a part of a path."""
    return "".join(chr(b) if chr(b) in SAFE else f"%{b:02X}" for b in name.encode())


def day_of(at: float) -> str:
    """The day of a moment, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def unarchived(store: Store, before: float) -> Iterator[Partition]:
    """Partitions with exchanges that began before that moment and lie in no part, by process and day."""
    for process in _processes(store, before):
        since = float("-inf")
        while True:
            wanted = select(func.min(EXCHANGE.c.started_at)).where(
                UNARCHIVED, EXCHANGE.c.process == process, EXCHANGE.c.started_at < before
            )
            with store.read() as connection:
                at = connection.scalar(wanted if since < 0 else wanted.where(EXCHANGE.c.started_at >= since))
            if at is None:
                break
            partition = Partition(process, day_of(at))
            yield partition
            since = partition.begins + DAY_S


def _processes(store: Store, before: float) -> list[str]:
    with store.read() as connection:
        wanted = select(EXCHANGE.c.process).where(UNARCHIVED, EXCHANGE.c.started_at < before).distinct()
        return sorted(connection.scalars(wanted))


def rows_of(store: Store, partition: Partition, *, bodies: bool) -> list[Row]:
    """The oldest exchanges of the partition that lie in no part: as many as one part holds, in order."""
    at, name = EXCHANGE.c.started_at, EXCHANGE.c.id
    begins = partition.begins
    wanted = ROWS.where(UNARCHIVED, EXCHANGE.c.process == partition.process, at >= begins, at < begins + DAY_S)
    page = wanted = wanted.order_by(at, name).limit(PAGE)
    found: list[Row] = []
    size = 0
    with store.read() as connection:
        while True:
            rows: Sequence[SqlRow[Any]] = connection.execute(page).all()
            for row in rows:
                found.append(archive_row(row, bodies=bodies))
                size += len(row.content or b"") if bodies else 0
                if len(found) == PART_ROWS or size >= PART_BYTES:
                    return found
            if len(rows) < PAGE:
                return found
            last = rows[-1]
            later = (at > last.started_at) | ((at == last.started_at) & (name > last.id))
            page = wanted.where(later, at >= last.started_at)


def reserve(store: Store, partition: Partition, part: Part, rows: Sequence[Row], at: float) -> int:
    """Notes that these exchanges lie in a part that is about to be placed; returns its number.

    Raises StoreUnavailable when another took one of them meanwhile: then nothing is noted.
    """
    names = [row["id"] for row in rows]
    with store.write() as connection:
        number, taken = _take(connection, partition, part, names, at, placed=False)
        if taken != len(names):
            raise StoreUnavailable(
                f"another archived exchanges of {partition.path} at the same time", mend="let one of them end first"
            )
    return number


def adopt_part(store: Store, partition: Partition, part: Part, names: Sequence[str], at: float) -> None:
    """A part that lies in the archive already: those of its exchanges that are in the store are not archived again."""
    with store.write() as connection:
        _take(connection, partition, part, names, at, placed=True)


def _take(
    connection: Connection, partition: Partition, part: Part, names: Sequence[str], at: float, *, placed: bool
) -> tuple[int, int]:
    """The part's number, and how many exchanges it took that no other part has."""
    row = {
        "process": partition.process,
        "day": partition.day,
        "name": part.name,
        "rows": part.rows,
        "size": part.size,
        "sha256": part.sha256,
        "written_at": at,
        "placed": placed,
    }
    number = int(connection.scalars(insert(PART).values(row).returning(PART.c.number)).one())
    taken = 0
    for start in range(0, len(names), PAGE):
        mine = EXCHANGE.c.id.in_(names[start : start + PAGE]) & EXCHANGE.c.archived.is_(None)
        taken += connection.execute(update(EXCHANGE).where(mine).values(archived=number)).rowcount
    return number, taken


def placed(store: Store, number: int) -> None:
    """The part lies in the archive, and its manifest names it."""
    with store.write() as connection:
        connection.execute(update(PART).where(PART.c.number == number).values(placed=True))


def forget_part(store: Store, number: int) -> None:
    """Takes back a part that was never placed: its exchanges are to be archived again."""
    with store.write() as connection:
        connection.execute(update(EXCHANGE).where(EXCHANGE.c.archived == number).values(archived=None))
        connection.execute(delete(PART).where(PART.c.number == number))


def unplaced(store: Store) -> list[tuple[int, Partition, Part]]:
    """Parts that were reserved and not placed, as after a crash between the two."""
    with store.read() as connection:
        rows = connection.execute(select(PART).where(PART.c.placed.is_(False)).order_by(PART.c.number)).all()
    return [(row.number, Partition(row.process, row.day), _part(row)) for row in rows]


def list_parts(store: Store, partition: Partition | None = None) -> dict[Partition, list[Part]]:
    """The parts of each partition, or of one, by name; those under way too."""
    wanted = select(PART).order_by(PART.c.process, PART.c.day, PART.c.name)
    if partition is not None:
        wanted = wanted.where(PART.c.process == partition.process, PART.c.day == partition.day)
    found: dict[Partition, list[Part]] = {}
    with store.read() as connection:
        for row in connection.execute(wanted):
            found.setdefault(Partition(row.process, row.day), []).append(_part(row))
    return found


def _part(row: SqlRow[Any]) -> Part:
    return Part(name=row.name, rows=row.rows, size=row.size, sha256=row.sha256)


def forget_partition(store: Store, partition: Partition) -> None:
    """The partition is gone from the archive; what is left of its exchanges is not archived again."""
    with store.write() as connection:
        connection.execute(delete(PART).where(PART.c.process == partition.process, PART.c.day == partition.day))
