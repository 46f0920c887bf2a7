"""What was recorded before there were keys: found in the store and in the spool, and sealed where it lies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, select, update

from switchover.domain.exchange import Exchange

from . import schema
from . import spool_frames as frames
from .database import Store
from .exchanges import WHOLE, exchange_of
from .files import sync_folder
from .indexing import spool_mark
from .spool_frames import Rot
from .spool_reader import read_segment, segment_path, segments
from .trials import remark_of
from .words import beside, sealed

PAGE = 200
ASIDE, BEFORE = ".sealing", ".before"


def clear_bodies(store: Store) -> int:
    """How many bodies in the store are not sealed."""
    body = schema.body
    with store.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(body).where(body.c.key == "")) or 0)


def seal_bodies(store: Store) -> int:
    """Seals bodies that lie in clear, and the answers kept beside them, page by page; returns how many bodies."""
    done = 0
    body, exchange = schema.body, schema.exchange
    wanted = WHOLE.where(body.c.key == "").order_by(exchange.c.id).limit(PAGE)
    while True:
        with store.read() as connection:
            rows = connection.execute(wanted).all()
        if not rows:
            return done
        batch = sealed(store, [exchange_of(store, row) for row in rows])
        with store.write() as connection:
            for one in batch:
                if one.sealed is not None:
                    changed = {"key": one.sealed.key, "content": one.sealed.content}
                    connection.execute(update(body).where(body.c.exchange == one.id).values(**changed))
                connection.execute(update(exchange).where(exchange.c.id == one.id).values(metadata="{}"))
                _seal_beside(store, connection, one.id)
        done += len(batch)


def _seal_beside(store: Store, connection: Connection, name: str) -> None:
    cases, samples = schema.scored_case, schema.baseline_sample
    for row in _clear(connection, cases, cases.c.answer.is_not(None) | (cases.c.remark != ""), name):
        words = beside(store, connection, name, row.cell_id, row.answer)
        remark = beside(store, connection, name, remark_of(row.cell_id), row.remark or None)
        this = (cases.c.cell_id == row.cell_id) & (cases.c.exchange_id == name)
        changed = {"answer": words["text"], "remark": remark["text"] or "", "key": words["key"] or remark["key"]}
        connection.execute(update(cases).where(this).values(**changed))
    for row in _clear(connection, samples, samples.c.answer_text.is_not(None), name):
        words = beside(store, connection, name, f"{row.process} {row.epoch}", row.answer_text)
        this = (samples.c.process == row.process) & (samples.c.epoch == row.epoch) & (samples.c.exchange_id == name)
        connection.execute(update(samples).where(this).values(answer_text=words["text"], key=words["key"]))


def _clear(connection: Connection, table: Table, speaks: ColumnElement[bool], name: str) -> list[Any]:
    said = table.c.exchange_id == name, table.c.key == "", speaks
    return list(connection.execute(select(table).where(*said)).all())


def clear_segments(store: Store, spools: Path) -> Iterator[tuple[Path, int, bool]]:
    """Segments with records in clear: the worker's folder, the number, and whether all of it is in the store."""
    for folder in sorted(path for path in spools.glob("*") if path.is_dir()):
        mark = spool_mark(store, folder.name)
        for number in segments(folder):
            if _is_clear(segment_path(folder, number), number):
                yield folder, number, number < mark.segment


def _is_clear(path: Path, number: int) -> bool:
    """A worker seals from its first record to its last or not at all: the first that could be tells."""
    for _, found in read_segment(path, number, 0, closed=True):
        if isinstance(found, Exchange) and (found.sealed or found.request or found.answer):
            return found.sealed is None
    return False


def seal_segment(store: Store, folder: Path, number: int) -> None:
    """Writes a segment anew with its words sealed, in the old one's place. It must be in the store already.

    Bytes that rotted before are left out: what is known of them is on record in the store.
    """
    path = segment_path(folder, number)
    aside = path.with_suffix(ASIDE)
    head, salt = frames.segment_head()
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(head)
        for _, found in read_segment(path, number, 0, closed=True):
            kept = sealed(store, [found]) if isinstance(found, Exchange) else [found]
            for record in kept:
                if not isinstance(record, Rot):
                    file.write(frames.frame(frames.encode(record), salt))
        file.flush()
        os.fsync(file.fileno())
    # The old bytes are overwritten only once the new ones are in their place.
    before = path.with_suffix(BEFORE)
    before.unlink(missing_ok=True)
    os.link(path, before)
    os.replace(aside, path)
    sync_folder(folder)
    _drop(before)


def drop_pieces(folder: Path) -> None:
    """Removes torn tails that were put aside and what an interruption left: words may lie there in clear."""
    for pattern in ("*.torn", f"*{BEFORE}", f"*{ASIDE}"):
        for path in folder.glob(pattern):
            _drop(path)


def _drop(path: Path) -> None:
    _overwrite(path)
    path.unlink()


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        left = os.fstat(file.fileno()).st_size
        while left > 0:
            left -= file.write(bytes(min(left, 1 << 20)))
        file.flush()
        os.fsync(file.fileno())
