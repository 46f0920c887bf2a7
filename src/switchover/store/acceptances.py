"""Risks that owners accepted, in force and past."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import select, update

from switchover.domain.acceptance import Acceptance
from switchover.domain.candidate import State

from . import schema
from .database import Store, upsert
from .facts import Fact, fact
from .versions import bump

TABLE = schema.acceptance


def save_acceptance(store: Store, found: Acceptance) -> Fact:
    """Saves an acceptance under its id; returns the row as a fact."""
    row = asdict(found) | {"state": found.state.value}
    with store.write() as connection:
        upsert(connection, TABLE, [row])
        bump(connection)
    return fact("acceptance", row)


def acceptances(store: Store, process: str | None = None, *, now: float | None = None) -> list[Acceptance]:
    """Every acceptance (of a process), newest first; with ``now`` (Unix seconds) only those in force then."""
    wanted = select(TABLE).order_by(TABLE.c.made_at.desc(), TABLE.c.id.desc())
    if process is not None:
        wanted = wanted.where(TABLE.c.process == process)
    with store.read() as connection:
        rows = [dict(row._mapping) for row in connection.execute(wanted)]
    found = [Acceptance(**row | {"state": State(row["state"])}) for row in rows]
    return [one for one in found if now is None or one.in_force(now)]


def end_acceptances(
    store: Store, process: str, upstream: str, *, at: float, by: str, unknown_only: tuple[str, str] | None = None
) -> list[Fact]:
    """Ends what is accepted of an upstream as of ``at``; returns the rows as facts.

    ``unknown_only``, a fingerprint and a prompt version: only of these, and only where NOT READY was not known.
    """
    ends = (TABLE.c.process == process) & (TABLE.c.upstream == upstream)
    ends &= TABLE.c.withdrawn_at.is_(None) & (TABLE.c.expires_at > at)
    if unknown_only is not None:
        ends &= (TABLE.c.fingerprint == unknown_only[0]) & (TABLE.c.prompt_version == unknown_only[1])
        ends &= TABLE.c.state != State.NOT_READY.value
    with store.write() as connection:
        names = list(connection.scalars(select(TABLE.c.id).where(ends)))
        if not names:
            return []
        connection.execute(update(TABLE).where(TABLE.c.id.in_(names)).values(withdrawn_at=at, withdrawn_by=by))
        bump(connection)
        rows = connection.execute(select(TABLE).where(TABLE.c.id.in_(names)).order_by(TABLE.c.id)).all()
    return [fact("acceptance", dict(row._mapping)) for row in rows]
