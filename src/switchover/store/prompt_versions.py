"""Prompt versions, named by their content."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Row, select

from switchover.domain.candidate import PromptKind, PromptVersion

from . import schema
from .database import Store, upsert
from .versions import bump

TABLE = schema.prompt_version
IN_USE = select(*(column for column in TABLE.c if column.name != "withdrawn_at")).where(TABLE.c.withdrawn_at.is_(None))


def save_prompt_version(store: Store, version: PromptVersion, lessons: Iterable[str] = ()) -> None:
    """Saves a version; the same content again only renews its score, parent and moment.

    ``lessons`` are the ids of the exchanges whose words it shows, or was trained on.
    """
    row = {
        "id": version.id,
        "process": version.process,
        "upstream": version.upstream,
        "kind": version.kind.value,
        "parameters": msgspec.json.encode(version.parameters).decode(),
        "artefact": version.artefact,
        "parent": version.parent,
        "score": version.score,
        "made_at": version.made_at,
    }
    with store.write() as connection:
        upsert(connection, TABLE, [row])
        upsert(connection, schema.lesson, [{"prompt_version": version.id, "exchange": one} for one in lessons])
        bump(connection)


def prompt_version(store: Store, name: str) -> PromptVersion | None:
    """The version with this id; none that was withdrawn."""
    with store.read() as connection:
        row = connection.execute(IN_USE.where(TABLE.c.id == name)).one_or_none()
    return _version(row) if row else None


def prompt_versions(store: Store, process: str | None = None) -> list[PromptVersion]:
    """Every version (of a process) that was not withdrawn, newest first."""
    wanted = IN_USE.order_by(TABLE.c.made_at.desc(), TABLE.c.id)
    if process is not None:
        wanted = wanted.where(TABLE.c.process == process)
    with store.read() as connection:
        return [_version(row) for row in connection.execute(wanted)]


def withdrawn_artefacts(store: Store) -> list[tuple[str, float]]:
    """The artefacts of versions that were withdrawn, and when that was."""
    wanted = select(TABLE.c.artefact, TABLE.c.withdrawn_at)
    wanted = wanted.where(TABLE.c.artefact.is_not(None), TABLE.c.withdrawn_at.is_not(None))
    with store.read() as connection:
        return [(row.artefact, row.withdrawn_at) for row in connection.execute(wanted)]


def _version(row: Row[Any]) -> PromptVersion:
    return PromptVersion(
        **dict(row._mapping)
        | {"kind": PromptKind(row.kind), "parameters": msgspec.json.decode(row.parameters, type=dict[str, object])}
    )
