"""Verdicts, all of them, and the proofs that some of them gave."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict

import msgspec
from sqlalchemy import func, select, update

from switchover.domain.candidate import Cell, Continuation, Proof, State, Verdict

from . import schema
from .database import Store, upsert
from .facts import Fact, fact
from .versions import bump

_verdict = msgspec.msgpack.Decoder(Verdict)


def save_verdict(store: Store, verdict: Verdict) -> Fact:
    """Saves a verdict under its id; returns the row as a fact."""
    row = {
        "id": verdict.id,
        "cell_id": verdict.cell.id,
        "process": verdict.cell.process,
        "upstream": verdict.cell.upstream,
        "state": verdict.state.value,
        "made_at": verdict.made_at,
        "body": msgspec.msgpack.encode(verdict),
    }
    with store.write() as connection:
        upsert(connection, schema.verdict, [row])
    return fact("verdict", row)


def verdicts(store: Store, process: str | None = None) -> list[Verdict]:
    """Every verdict (of a process), newest first."""
    table = schema.verdict
    wanted = select(table.c.body).order_by(table.c.made_at.desc(), table.c.id.desc())
    if process is not None:
        wanted = wanted.where(table.c.process == process)
    with store.read() as connection:
        return [_verdict.decode(body) for body in connection.scalars(wanted)]


def newest_verdicts(store: Store, process: str | None = None) -> list[Verdict]:
    """The newest verdict of each cell (of a process), newest first."""
    table = schema.verdict
    newest = select(table.c.cell_id, func.max(table.c.made_at).label("made_at")).group_by(table.c.cell_id).subquery()
    wanted = select(table.c.cell_id, table.c.body).join(
        newest, (newest.c.cell_id == table.c.cell_id) & (newest.c.made_at == table.c.made_at)
    )
    if process is not None:
        wanted = wanted.where(table.c.process == process)
    with store.read() as connection:
        rows = connection.execute(wanted.order_by(table.c.made_at.desc(), table.c.id.desc())).all()
    found: dict[str, Verdict] = {}
    for row in rows:
        if row.cell_id not in found:
            found[row.cell_id] = _verdict.decode(row.body)
    return list(found.values())


def get_verdict(store: Store, name: str) -> Verdict | None:
    """The verdict with this id."""
    table = schema.verdict
    with store.read() as connection:
        body = connection.scalar(select(table.c.body).where(table.c.id == name))
    return _verdict.decode(body) if body is not None else None


def latest_verdict(store: Store, cell_id: str) -> Verdict | None:
    """The cell's newest verdict."""
    table = schema.verdict
    wanted = select(table.c.body).where(table.c.cell_id == cell_id)
    with store.read() as connection:
        body = connection.scalar(wanted.order_by(table.c.made_at.desc(), table.c.id.desc()).limit(1))
    return _verdict.decode(body) if body is not None else None


def save_proof(store: Store, proof: Proof) -> Fact:
    """Saves a proof under its id; one that was revoked stays revoked. Returns the row as a fact."""
    way = proof.continuation.value if proof.continuation else None
    row = asdict(proof) | {"state": proof.state.value, "continuation": way}
    with store.write() as connection:
        upsert(connection, schema.proof, [row])
        bump(connection)
    return fact("proof", row)


def proofs(store: Store, process: str | None = None, *, now: float | None = None) -> list[Proof]:
    """Proofs that are not revoked, newest first; with ``now`` (Unix seconds) only those in date then."""
    table = schema.proof
    wanted = select(table).where(table.c.revoked_at.is_(None)).order_by(table.c.made_at.desc(), table.c.id.desc())
    if process is not None:
        wanted = wanted.where(table.c.process == process)
    if now is not None:
        wanted = wanted.where(table.c.expires_at > now)
    with store.read() as connection:
        rows = [dict(row._mapping) for row in connection.execute(wanted)]
    for row in rows:
        del row["revoked_at"], row["ended_for"]
    return [Proof(**row | {"state": State(row["state"]), "continuation": _way(row["continuation"])}) for row in rows]


def first_proof_at(store: Store, cell: Cell) -> float:
    """When the cell was first proven (Unix seconds); inf where it never was."""
    table, parts = schema.proof, asdict(cell)
    wanted = select(func.min(table.c.made_at))
    for name, value in parts.items():
        wanted = wanted.where(table.c[name] == value)
    with store.read() as connection:
        found = connection.scalar(wanted)
    return math.inf if found is None else float(found)


def _way(value: str | None) -> Continuation | None:
    return Continuation(value) if value is not None else None


def revoke_proofs(
    store: Store,
    *,
    at: float,
    process: str,
    upstream: str | None = None,
    fingerprint: str | None = None,
    prompt_version: str | None = None,
    grader: str | None = None,
    epoch: str | None = None,
    why: str | None = None,
) -> int:
    """Revokes the process's proofs that match every part given, as of ``at`` and for a reason, if one is to be told.

    Returns how many that were.
    """
    parts = {
        "process": process,
        "upstream": upstream,
        "fingerprint": fingerprint,
        "prompt_version": prompt_version,
        "grader": grader,
        "epoch": epoch,
    }
    return _change(store, parts, revoked_at=at, ended_for=why)


def ended_proofs(store: Store) -> dict[str, dict[str, str]]:
    """Why the proofs that were revoked for a reason were, the newest of each: by process and upstream."""
    table = schema.proof
    wanted = select(table.c.process, table.c.upstream, table.c.ended_for).where(table.c.ended_for.is_not(None))
    found: dict[str, dict[str, str]] = {}
    with store.read() as connection:
        for row in connection.execute(wanted.order_by(table.c.revoked_at, table.c.made_at, table.c.id)):
            found.setdefault(row.process, {})[row.upstream] = row.ended_for
    return found


def end_continuations(
    store: Store, *, process: str, upstream: str, fingerprint: str, prompt_version: str, grader: str, epoch: str
) -> int:
    """The proofs that match stand, but no longer for going on with answers; returns how many that were."""
    parts = {
        "process": process,
        "upstream": upstream,
        "fingerprint": fingerprint,
        "prompt_version": prompt_version,
        "grader": grader,
        "epoch": epoch,
    }
    return _change(store, parts, continuation=None, continues_until=None)


def _change(store: Store, parts: Mapping[str, str | None], **values: object) -> int:
    table = schema.proof
    change = update(table).where(table.c.revoked_at.is_(None)).values(**values)
    for name, value in parts.items():
        if value is not None:
            change = change.where(table.c[name] == value)
    with store.write() as connection:
        changed = connection.execute(change).rowcount
        if changed:
            bump(connection)
    return changed
