"""Prompt versions, named by their content."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Row, select

from switchover.domain.candidate import PromptKind, PromptVersion

from . import schema
from .database import Store, upsert
from .versions import bump

TABLE = schema.prompt_version


def save_prompt_version(store: Store, version: PromptVersion) -> None:
    """Saves a version; the same content again only renews its score, parent and moment."""
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
        bump(connection)


def prompt_version(store: Store, name: str) -> PromptVersion | None:
    """The version with this id."""
    with store.read() as connection:
        row = connection.execute(select(TABLE).where(TABLE.c.id == name)).one_or_none()
    return _version(row) if row else None


def prompt_versions(store: Store, process: str | None = None) -> list[PromptVersion]:
    """Every version (of a process), newest first."""
    wanted = select(TABLE).order_by(TABLE.c.made_at.desc(), TABLE.c.id)
    if process is not None:
        wanted = wanted.where(TABLE.c.process == process)
    with store.read() as connection:
        return [_version(row) for row in connection.execute(wanted)]


def _version(row: Row[Any]) -> PromptVersion:
    return PromptVersion(
        **dict(row._mapping)
        | {"kind": PromptKind(row.kind), "parameters": msgspec.json.decode(row.parameters, type=dict[str, object])}
    )
