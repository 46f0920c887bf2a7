"""The register and the record, asked and changed by a command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from switchover.access import load_pepper, make_key
from switchover.domain.candidate import Proof, Verdict, digest
from switchover.domain.cut_off import CutOff, Target
from switchover.domain.exchange import Exchange, Outcome
from switchover.domain.people import Actor
from switchover.domain.process import Settings, UpstreamSpec
from switchover.domain.register import CallerKey, Snapshot, Suspension
from switchover.domain.secret import Secret
from switchover.errors import NotFound, OperatorError
from switchover.evidence import events
from switchover.planning.plan import Plan, plan
from switchover.planning.plan import void as void_since
from switchover.store import Store
from switchover.store import drills as drill_rows
from switchover.store import exchanges as exchange_rows
from switchover.store import facts as fact_rows
from switchover.store import proofs as proof_rows
from switchover.store import register as register_rows
from switchover.store.held import clear_held

from . import access
from .evidence import noting
from .parts import CLOCK, open_store
from .templates import with_templates


def create_key(
    settings: Settings,
    process: str,
    *,
    actor: Actor | None = None,
    name: str | None = None,
    expires_in: float | None = None,
) -> tuple[CallerKey, Secret]:
    """A new caller key, for so many seconds; the secret is shown this once. Raises Forbidden."""
    access.check(settings, actor, "keys create", process)
    key, token = _make(settings, process, actor, name, expires_in)
    with open_store(settings) as store, noting(settings, actor) as note:
        note(events.saved(register_rows.save_key(store, key)))
    return key, token


def _make(
    settings: Settings, process: str, actor: Actor | None, name: str | None, expires_in: float | None
) -> tuple[CallerKey, Secret]:
    now, pepper = CLOCK.now(), load_pepper(settings.data_dir)
    ends = None if expires_in is None else now + expires_in
    by = actor.recorded if actor is not None else None
    return make_key(process, pepper, now, name=name, expires_at=ends, made_by=by)


def rotate_key(
    settings: Settings, name: str, *, actor: Actor | None = None, overlap: float, expires_in: float | None = None
) -> tuple[CallerKey, Secret, CallerKey]:
    """A key in the place of another, which ends after ``overlap`` seconds; the new one lasts as long as it did.

    Returns the new one, its secret, and the old one as it now is. Raises NotFound, Forbidden.
    """
    old = _key(settings, name)
    access.check(settings, actor, "keys rotate", old.process)
    if expires_in is None and old.expires_at is not None:
        expires_in = old.expires_at - old.made_at
    key, token = _make(settings, old.process, actor, old.name, expires_in)
    with open_store(settings) as store, noting(settings, actor) as note:
        made, ended = register_rows.replace_key(store, name, key, key.made_at + overlap)
        note(events.saved(made))
        note(events.ended(ended))
    return _key(settings, key.id), token, _key(settings, name)


def keys(settings: Settings) -> list[CallerKey]:
    """Every key, without its secret."""
    with open_store(settings) as store:
        return register_rows.caller_keys(store)


def _key(settings: Settings, name: str) -> CallerKey:
    found = next((key for key in keys(settings) if key.id == name), None)
    if found is None:
        raise NotFound(f"there is no key {name!r}", mend="see `switchover keys list`")
    return found


def revoke_key(settings: Settings, name: str, *, actor: Actor | None = None) -> None:
    """Ends a key. Raises NotFound, Forbidden."""
    now = CLOCK.now()
    if actor is not None and actor.is_person:
        access.check(settings, actor, "keys revoke", _key(settings, name).process)
    with open_store(settings) as store, noting(settings, actor) as note:
        if not register_rows.revoke_key(store, name, now, actor.recorded if actor is not None else None):
            raise NotFound(f"there is no key {name!r} in use", mend="see `switchover keys list`")
        for fact in fact_rows.ended(store, "key", now):
            note(events.ended(fact))


def place_cut(
    settings: Settings,
    target: Target,
    *,
    reason: str,
    by: str,
    actor: Actor | None = None,
    lasting: float | None = None,
) -> tuple[CutOff, bool]:
    """Cuts a target off, really, for so many seconds (None: until it is lifted).

    The cut-off that is in force, and whether it is new: a target that is cut off already stays so. Raises NotFound for
    a target that covers no upstream, Forbidden.
    """
    access.check(settings, actor, "cut", None)
    if not _covered(settings, target):
        raise NotFound(f"{target} covers no upstream of the configuration", mend="see `upstreams:` and their hosts")
    now = CLOCK.now()
    expires_at = None if lasting is None else now + lasting
    name = f"cut-{digest([str(target), now], 10)}"
    wanted = CutOff(id=name, target=target, reason=reason, by=by, placed_at=now, expires_at=expires_at)
    with open_store(settings) as store, noting(settings, actor) as note:
        cut, fact = drill_rows.place_once(store, wanted)
        if fact is not None:
            note(events.saved(fact))
    return cut, fact is not None


def lift_one(settings: Settings, name: str, *, by: str, actor: Actor | None = None) -> tuple[CutOff, str]:
    """Lifts one cut-off; a drill's, too, which then ends. What else keeps its upstreams from serving stays.

    Returns it as it is now, and who lifted it: somebody else, if they did before; "expiry" where it lapsed. Raises
    NotFound, Forbidden.
    """
    access.check(settings, actor, "restore", None)
    now = CLOCK.now()
    with open_store(settings) as store, noting(settings, actor) as note:
        lifted = drill_rows.lift_cut_off(store, name, by, now)
        found = drill_rows.get_cut_off(store, name)
        if found is None:
            raise NotFound(f"there is no cut-off {name!r}", mend="see what is in force on the first page")
        if lifted:
            for fact in fact_rows.ended(store, "cut-off", now):
                note(events.ended(fact))
    cut, ended_by = found
    return cut, ended_by or "expiry"


def lift_cut(settings: Settings, target: Target | None, *, by: str, actor: Actor | None = None) -> int:
    """Lifts the cut-offs of a target (None: all); forgets lost baselines and suspensions under it; how many lifted.

    Raises NotFound for a target that covers no upstream and no cut-off, Forbidden.
    """
    access.check(settings, actor, "restore", None)
    covered = _covered(settings, target)
    now = CLOCK.now()
    with open_store(settings) as store, noting(settings, actor) as note:
        lifted = drill_rows.lift_cut_off(store, target, by, now)
        if not lifted and not covered:
            raise NotFound(f"{target} covers no upstream of the configuration", mend="see `upstreams:` and their hosts")
        cleared = [spec.name for spec in covered if register_rows.set_suspension(store, spec.name, None)]
        for spec in covered:
            clear_held(settings.data_dir, spec.name, CLOCK.now())
        # What is still lost for another reason, the keeper sets again within its next round.
        for name, process in settings.processes.items():
            if settings.upstreams[process.baseline] in covered:
                register_rows.set_baseline_lost(store, name, None)
        # The restored upstreams lie outside the store: without this the keeper would see nothing new.
        register_rows.bump_register(store)
        for fact in fact_rows.ended(store, "cut-off", now):
            note(events.ended(fact))
        note(events.restoration(str(target) if target is not None else "all", cleared))
    return lifted


def _covered(settings: Settings, target: Target | None) -> list[UpstreamSpec]:
    return [s for s in settings.upstreams.values() if target is None or target.covers(s, settings.providers)]


def snapshot(settings: Settings, store: Store) -> Snapshot:
    """The register now; own engines count as running, as they would under ``switchover up``.

    ``settings`` are those with chat templates, where plans are made of it.
    """
    endpoints = {name: "http://127.0.0.1" for name, spec in settings.upstreams.items() if spec.is_own}
    return register_rows.build_snapshot(store, settings, endpoints, CLOCK.now())


def survival(settings: Settings, without: Sequence[Target]) -> dict[str, Plan]:
    """The plan of every process, supposing these targets lost."""
    settings = with_templates(settings, idle=True)
    with open_store(settings) as store:
        known = snapshot(settings, store)
    return {name: plan(known, name, CLOCK.now(), without=tuple(without)) for name in settings.processes}


def exchanges(
    settings: Settings, *, process: str | None, outcome: str | None, limit: int
) -> tuple[list[Exchange], int]:
    """The newest exchanges, and how many there are."""
    wanted = None if outcome is None else _outcome(outcome)
    with open_store(settings) as store:
        rows = exchange_rows.list_exchanges(store, process=process, outcome=wanted, limit=limit, bodies=False)
        return rows, exchange_rows.count_exchanges(store, process=process, outcome=wanted)


def _outcome(text: str) -> Outcome:
    try:
        return Outcome(text)
    except ValueError as cause:
        raise OperatorError(f"there is no outcome {text!r}", mend=f"use one of {', '.join(Outcome)}") from cause


def exchange(settings: Settings, name: str, *, actor: Actor | None = None) -> tuple[Exchange, bool]:
    """One exchange by id or unique prefix, and whether it has its bodies: to whom may not read them it has none.

    Who reads them is noted, once there are people. Raises NotFound.
    """
    with open_store(settings) as store:
        found = exchange_rows.get_exchange(store, name)
    if found is None:
        raise NotFound(f"there is no one exchange {name!r}", mend="see `switchover exchanges list`")
    if actor is not None and not access.may(actor, "bodies", found.process):
        return replace(found, request=b"", answer=b""), False
    if actor is None or not actor.is_person:
        return found, True
    with noting(settings, actor) as note:
        note(events.shown(found.id, found.process))
    return found, True


def verdicts(settings: Settings, process: str | None) -> list[Verdict]:
    """The newest verdict of each cell."""
    with open_store(settings) as store:
        newest: dict[str, Verdict] = {}
        for verdict in proof_rows.verdicts(store, process):
            newest.setdefault(verdict.cell.id, verdict)
    return list(newest.values())


def suspensions(settings: Settings) -> dict[str, Suspension]:
    """Upstreams whose proofs are suspended, and why."""
    with open_store(settings) as store:
        found = register_rows.suspensions(store)
    return {name: one for name, one in found.items() if name in settings.upstreams}


def void(settings: Settings, found: Sequence[Verdict]) -> dict[str, str]:
    """Why the verdicts, by id, say nothing of what would answer: it runs another chat template or weights."""
    upstreams = with_templates(settings, idle=True).upstreams
    said = {}
    for verdict in found:
        spec = upstreams.get(verdict.cell.upstream)
        why = void_since(verdict.cell.fingerprint, spec) if spec is not None else None
        if why is not None:
            said[verdict.id] = why
    return said


def proofs(settings: Settings, process: str) -> list[Proof]:
    """Proofs in date."""
    with open_store(settings) as store:
        return proof_rows.proofs(store, process, now=CLOCK.now())
