"""Caller keys, what is held to be lost, and all that the register holds at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

from sqlalchemy import Connection, delete, func, or_, select, update

from switchover.domain.budget import Tariff
from switchover.domain.candidate import Proof, epoch_of
from switchover.domain.process import Settings
from switchover.domain.register import CallerKey, Snapshot, Suspension
from switchover.errors import NotFound

from . import schema
from .acceptances import acceptances
from .changes import changes, marks_in
from .database import Store, upsert
from .drills import cut_offs
from .facts import Fact, fact
from .held import restored_upstreams
from .prompt_versions import prompt_versions
from .proofs import ended_proofs, proofs
from .versions import bump, bump_register, register_version

__all__ = [
    "baseline_lost",
    "build_snapshot",
    "bump_register",
    "caller_keys",
    "register_version",
    "replace_key",
    "revoke_key",
    "save_key",
    "set_baseline_lost",
    "set_suspension",
    "suspensions",
]


def save_key(store: Store, key: CallerKey) -> Fact:
    """Saves a caller's key under its id; returns the row as a fact."""
    row = asdict(key)
    with store.write() as connection:
        upsert(connection, schema.caller_key, [row])
        bump(connection)
    return fact("key", row)


def caller_keys(store: Store) -> list[CallerKey]:
    """Every key, revoked ones too, oldest first."""
    table = schema.caller_key
    with store.read() as connection:
        rows = connection.execute(select(table).order_by(table.c.made_at, table.c.id))
        return [CallerKey(**row._mapping) for row in rows]


def revoke_key(store: Store, name: str, at: float, by: str | None = None) -> bool:
    """Revokes a key as of ``at``; False when there is no such key in use."""
    with store.write() as connection:
        revoked = _end_key(connection, name, at, by)
        if revoked:
            bump(connection)
    return revoked


def replace_key(store: Store, name: str, key: CallerKey, ends_at: float) -> tuple[Fact, Fact]:
    """Saves a key in the place of another, which ends at ``ends_at`` unless sooner; both as facts, the old one's end.

    Raises NotFound when the other is not in use.
    """
    table = schema.caller_key
    with store.write() as connection:
        found = connection.execute(select(table).where(table.c.id == name)).one_or_none()
        old = None if found is None else CallerKey(**found._mapping)
        if old is None or old.ends_at <= key.made_at:
            raise NotFound(f"there is no key {name!r} in use", mend="see `switchover keys list`")
        row = asdict(replace(key, in_place_of=old.account))
        _end_key(connection, name, ends_at, key.made_by)
        upsert(connection, table, [row])
        bump(connection)
        ended = dict(connection.execute(select(table).where(table.c.id == name)).one()._mapping)
    return fact("key", row), fact("key", ended)


def _end_key(connection: Connection, name: str, at: float, by: str | None) -> bool:
    """Ends a key as of ``at``; False when there is none, or it ends sooner."""
    table = schema.caller_key
    later = or_(table.c.revoked_at.is_(None), table.c.revoked_at > at)
    change = update(table).where(table.c.id == name, later).values(revoked_at=at, revoked_by=by)
    return connection.execute(change).rowcount > 0


def baseline_lost(store: Store, machine: str | None = None) -> dict[str, float]:
    """Since when (Unix seconds) each process's baseline is held to be gone: by any machine, or by this one."""
    table = schema.baseline_lost
    wanted = select(table.c.process, func.min(table.c.at).label("at")).group_by(table.c.process)
    if machine is not None:
        wanted = wanted.where(table.c.machine.in_([machine, ""]))
    with store.read() as connection:
        return {row.process: row.at for row in connection.execute(wanted)}


def set_baseline_lost(store: Store, process: str, at: float | None, machine: str = "") -> None:
    """Holds a process's baseline to be gone since ``at`` (a moment already held stays), or back when None.

    Back for this ``machine``, or without one for all: each then says again what is still lost to it.
    """
    table = schema.baseline_lost
    with store.write() as connection:
        if at is None:
            gone = delete(table).where(table.c.process == process)
            connection.execute(gone.where(table.c.machine.in_([machine, ""])) if machine else gone)
        else:
            upsert(connection, table, [{"process": process, "machine": machine, "at": at}], update=False)
        bump(connection)


def suspensions(store: Store) -> dict[str, Suspension]:
    """Upstreams whose proofs are suspended, by name."""
    table = schema.suspension
    with store.read() as connection:
        rows = connection.execute(select(table))
        return {row.upstream: Suspension(at=row.at, why=row.why, by=row.by) for row in rows}


def set_suspension(store: Store, upstream: str, found: Suspension | None, *, only_by: str | None = None) -> bool:
    """Suspends an upstream's proofs (one that already is stays as it is), or with None lets them count again.

    ``only_by`` takes back no other's suspension. False when that changes nothing.
    """
    table = schema.suspension
    with store.write() as connection:
        known = connection.execute(select(table.c.by).where(table.c.upstream == upstream)).one_or_none()
        if (known is not None) == (found is not None):
            return False
        if known is not None and only_by not in (None, known.by):
            return False
        if found is None:
            connection.execute(delete(table).where(table.c.upstream == upstream))
        else:
            upsert(connection, table, [{"upstream": upstream, **asdict(found)}], update=False)
        bump(connection)
    return True


def build_snapshot(
    store: Store,
    settings: Settings,
    endpoints: Mapping[str, str],
    now: float,
    tariffs: Mapping[str, Tariff] | None = None,
) -> Snapshot:
    """The register at ``now``; ``tariffs`` are the prices of the upstreams that its budgets are about.

    Keys in use, cut-offs in force, and of the proofs that are not revoked the newest for each replacement as it may be
    asked, out of date or not: plans hold one over while the baseline is gone.
    """
    # Read first: a change that arrives while the rest is read then shows as a newer version, and is read again.
    version = register_version(store)
    newest: dict[tuple[str, str, str, str], Proof] = {}
    for proof in proofs(store):
        if proof.process in settings.processes:
            newest.setdefault((proof.process, proof.upstream, proof.fingerprint, proof.prompt_version), proof)
    known = changes(store)
    epochs = {
        name: {
            other: epoch_of(settings.upstreams[process.baseline], marks_in(known, name, other))
            for other in process.fallbacks
        }
        for name, process in settings.processes.items()
    }
    accepted = [one for one in acceptances(store, now=now) if one.process in settings.processes]
    wanted = {proof.prompt_version for proof in newest.values()} | {one.prompt_version for one in accepted}
    return Snapshot(
        version=version,
        made_at=now,
        providers=settings.providers,
        upstreams=settings.upstreams,
        processes=settings.processes,
        # What a worker has no use for stays here: who made a key, and what they called it.
        keys={
            key.id: replace(key, name=None, made_by=None, revoked_by=None)
            for key in caller_keys(store)
            if key.ends_at > now
        },
        proofs=tuple(newest.values()),
        acceptances=tuple(replace(one, reason="") for one in accepted),
        prompt_versions={v.id: v for v in prompt_versions(store) if v.id in wanted},
        cut_offs=tuple(cut_offs(store, in_force_at=now)),
        baseline_lost={name: at for name, at in baseline_lost(store).items() if name in settings.processes},
        endpoints=dict(endpoints),
        restored=restored_upstreams(settings.data_dir),
        suspended={name: found for name, found in suspensions(store).items() if name in settings.upstreams},
        epochs=epochs,
        ended={name: found for name, found in ended_proofs(store).items() if name in settings.processes},
        privacy=settings.privacy,
        budgets=settings.budgets,
        tariffs=tariffs or {},
    )
