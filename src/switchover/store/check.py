"""Whether a store is sound, and whether it holds what the spool does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy import select, text

from switchover.domain.exchange import Exchange
from switchover.errors import StoreUnavailable

from . import schema
from .copying import Told, batches_of, silent, tables
from .database import Store
from .indexing import spool_mark
from .machine import spool_of
from .spool_frames import Position
from .spool_reader import read_spool

ASKED = 500
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Compared:
    """A worker's spool against the store: exchanges up to the mark, those behind it, and what is wrong."""

    worker: str
    exchanges: int
    waiting: int
    wrong: tuple[str, ...]


def is_damaged(error: StoreUnavailable) -> bool:
    """Whether this is said of a file that no waiting and no making room will mend."""
    return any(word in str(error) for word in ("malformed", "not a database"))


def first_line(error: StoreUnavailable) -> str:
    """What happened, without how to mend it."""
    return str(error).partition("\n")[0]


def faults_of(store: Store) -> list[str]:
    """What the database itself finds wrong; nothing when all is well."""
    if not store.embedded:
        return []
    try:
        with store.read() as connection:
            said = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check(20)"))]
            astray = connection.execute(text("PRAGMA foreign_key_check")).all()
    except StoreUnavailable as error:
        if not is_damaged(error):
            raise
        return [first_line(error)]
    return [line for line in said if line != "ok"] + [f"a row of {row[0]} refers to none of {row[2]}" for row in astray]


def read_through(store: Store, told: Told = silent) -> tuple[dict[str, int], list[str]]:
    """Reads every row of every table: how many there are, and which tables can't be read to their end."""
    rows, wrong = dict[str, int](), list[str]()
    for table in tables():
        rows[table.name] = 0
        try:
            with store.read() as connection:
                for batch in batches_of(connection, table):
                    rows[table.name] += len(batch)
                    told(table.name, rows[table.name])
        except StoreUnavailable as error:
            wrong.append(f"{table.name}: {first_line(error)}")
    return rows, wrong


def compare(store: Store, spools: Path, machine: str, worker: str) -> Compared:
    """One worker's spool against the store. Gaps and rot are on record already and are not told again."""
    mark = spool_mark(store, spool_of(machine, worker))
    there, waiting, missing = 0, 0, list[str]()
    end = Position(0, 0)

    def before_mark() -> Iterator[str]:
        nonlocal end, waiting
        for where, record in read_spool(spools / worker):
            end = where
            if isinstance(record, Exchange):
                if where <= mark:
                    yield record.id
                else:
                    waiting += 1

    names = before_mark()
    while batch := list(islice(names, ASKED)):
        with store.read() as connection:
            table = schema.exchange
            known = set(connection.scalars(select(table.c.id).where(table.c.id.in_(batch))))
        there += len(set(batch))
        missing += [name for name in dict.fromkeys(batch) if name not in known]
    wrong = []
    if missing:
        few = ", ".join(missing[:SHOWN]) + (" …" if len(missing) > SHOWN else "")
        wrong.append(f"{len(missing)} exchanges of the spool are not in the store: {few}")
    if mark > end:
        wrong.append(f"the store read on to segment {mark.segment}, byte {mark.offset}, which the spool does not have")
    return Compared(worker, there, waiting, tuple(wrong))
