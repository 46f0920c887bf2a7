"""Topics as they were fitted in an epoch of a process's baseline."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from sqlalchemy import select

from . import schema
from .database import Store, upsert

_examples = msgspec.json.Decoder(tuple[tuple[str, ...], ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTopics:
    """``centres`` are little-endian 32-bit floats, row by row, ``width`` to a row; topics are numbered from ``first``.

    ``examples`` are ids of typical exchanges, topic by topic.
    """

    embedding: str
    centres: bytes
    width: int
    least: float
    first: int
    examples: tuple[tuple[str, ...], ...]


def save_topics(store: Store, process: str, epoch: str, topics: KeptTopics, at: float) -> None:
    """Keeps the topics of an epoch, in the place of those it had."""
    row = {
        "process": process,
        "epoch": epoch,
        "made_at": at,
        "embedding": topics.embedding,
        "first": topics.first,
        "least": topics.least,
        "width": topics.width,
        "centres": topics.centres,
        "examples": msgspec.json.encode(topics.examples).decode(),
    }
    with store.write() as connection:
        upsert(connection, schema.topics, [row])


def kept_topics(store: Store, process: str, epoch: str) -> KeptTopics | None:
    """The topics of an epoch; None while none were fitted."""
    table = schema.topics
    with store.read() as connection:
        row = connection.execute(select(table).where(table.c.process == process, table.c.epoch == epoch)).one_or_none()
    if row is None:
        return None
    return KeptTopics(
        embedding=row.embedding,
        centres=row.centres,
        width=row.width,
        least=row.least,
        first=row.first,
        examples=_examples.decode(row.examples),
    )
