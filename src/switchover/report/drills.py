"""Drills as a ledger: which count today, which real event each replays, and what was never tried. Pure.

A drill counts for a replacement as long as ``standing.py`` lets it: for a year, and until a later one overrules it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from switchover.domain.candidate import Proof, State, fingerprint
from switchover.domain.cut_off import Drill, Target, TargetKind
from switchover.domain.process import Process, Settings
from switchover.facts.read import facts

from .standing import DECIDING, DRILL_HOLDS_S, deciding_drill
from .wording import day

ENDED = ("done", "stopped", "abandoned", "not exercised")


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """Whether a drill counts today: "holds", "lapsed", "nothing" (it decided nothing) or "open", and why.

    ``until`` is the moment up to which it counts, None where it does not; ``other`` the drill that overrules it.
    """

    kind: str
    said: str
    until: float | None = None
    other: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Untested:
    """A process and the provider of a replacement with a proof that no drill in date has tried.

    ``command`` would drill it, None where nothing that can be lost leads there. ``proof`` None: there is nothing to
    drill yet, and the command rehearses.
    """

    process: str
    provider: str
    upstream: str
    proof: str | None
    why: str
    command: str | None


def events_of(scenario: str | None) -> list[Mapping[str, Any]]:
    """The real events (``facts/events.yaml``) that a scenario replays: the one of this id, or those of this shape."""
    known: Sequence[Mapping[str, Any]] = facts("events")["events"]
    named = [event for event in known if event["id"] == scenario]
    return named or [event for event in known if scenario and event.get("drill") == scenario]


def validity(
    drill: Drill, drills: Sequence[Drill], proofs: Sequence[Proof], settings: Settings, now: float
) -> Validity:
    """Whether a drill counts today. ``drills`` are those of the last year, ``proofs`` all that are not revoked."""
    outcome = drill.outcome
    if drill.state not in ENDED:
        return Validity(kind="open", said="it is not over")
    if outcome is None or outcome.result not in DECIDING:
        return Validity(kind="nothing", said="it decided nothing, so it counts neither way")
    until = drill.begun_at + DRILL_HOLDS_S
    if now > until:
        return Validity(kind="lapsed", said=f"lapsed on {day(until)}: a drill counts for a year")
    proof = next((one for one in proofs if one.id == drill.proof), None)
    spec = settings.upstreams.get(drill.replacement or "")
    process = settings.processes.get(drill.process)
    if spec is None or process is None:
        return Validity(kind="lapsed", said="lapsed: the process or its replacement is not configured any more")
    if proof is None:
        return Validity(kind="lapsed", said="lapsed: the proof it was made with is not there any more")
    if proof.fingerprint != fingerprint(spec):
        return Validity(kind="lapsed", said=f"lapsed: another model is configured as {spec.name} than was drilled")
    newest = deciding_drill(process, proof, proofs, drills)
    if newest is not None and newest.id != drill.id:
        return Validity(kind="lapsed", said="overruled by a later drill", other=newest.id)
    return Validity(kind="holds", said=f"in date until {day(until)}", until=until)


def untested(settings: Settings, proofs: Sequence[Proof], drills: Sequence[Drill], now: float) -> Iterator[Untested]:
    """Every process with each provider that holds a proof of its and that no drill in date has tried."""
    for process in settings.processes.values():
        held = _held(process, settings, proofs, now)
        for proof in held:
            drill = deciding_drill(process, proof, proofs, drills)
            if drill is not None and now - drill.begun_at <= DRILL_HOLDS_S:
                continue
            why = "its last drill is more than a year old" if drill is not None else "no drill has tried it"
            target = leads_to(process, proof.upstream, {one.upstream for one in held}, settings)
            if target is None:
                why += "; whatever is lost, another replacement comes first or it is lost, too"
            yield Untested(
                process=process.name,
                provider=settings.upstreams[proof.upstream].host,
                upstream=proof.upstream,
                proof=proof.id,
                why=why,
                command=_drill(process, target) if target is not None else None,
            )
        if not held:
            yield _unproven(process, settings)


def leads_to(process: Process, upstream: str, proven: set[str], settings: Settings) -> Target | None:
    """The least that is lost so that traffic goes to this replacement; None where nothing leads there."""
    baseline = settings.upstreams[process.baseline]
    host = settings.providers.get(baseline.host)
    names = [Target(TargetKind.UPSTREAM, process.baseline), Target(TargetKind.PROVIDER, baseline.host)]
    if host is not None and host.parent:
        names.append(Target(TargetKind.PROVIDER, host.parent))
    homes = (host.home, host.parent_home) if host is not None else ()
    names += [Target(TargetKind.JURISDICTION, home) for home in homes if home]
    for target in names:
        left = [name for name in process.upstreams if not target.covers(settings.upstreams[name], settings.providers)]
        if process.baseline not in left and next((name for name in left if name in proven), None) == upstream:
            return target
    return None


def _held(process: Process, settings: Settings, proofs: Sequence[Proof], now: float) -> list[Proof]:
    """For each fallback, in order, the newest proof in date that was made with it as it is configured."""
    accepted = {State.READY, State.PROVISIONAL} if process.accept_provisional else {State.READY}
    found = []
    for name in process.fallbacks:
        made_with = fingerprint(settings.upstreams[name])
        fitting = (
            one
            for one in proofs
            if one.process == process.name
            and one.upstream == name
            and one.fingerprint == made_with
            and one.expires_at > now
            and one.state in accepted
        )
        newest = max(fitting, key=lambda one: one.made_at, default=None)
        if newest is not None:
            found.append(newest)
    return found


def _drill(process: Process, target: Target) -> str:
    lost = "" if target == Target(TargetKind.UPSTREAM, process.baseline) else f" --target {target}"
    # What is more than an upstream takes a second person, whose approval names them.
    approver = f" --approver {process.owner}" if target.kind is TargetKind.UPSTREAM else ""
    named = approver if " " not in process.owner else f' --approver "{process.owner}"' if approver else ""
    return f"switchover drill {process.name} --fault vanished{lost}{named} --share 0.05 --for 5m"


def _unproven(process: Process, settings: Settings) -> Untested:
    first = next(iter(process.fallbacks), None)
    if first is None:
        why, command = "no replacement is configured, so there is nothing to drill", None
    else:
        why = "no replacement holds a proof in date, so there is nothing to drill yet"
        command = f"switchover rehearse {process.name} --candidate {first}"
    provider = settings.upstreams[first].host if first is not None else ""
    return Untested(
        process=process.name, provider=provider, upstream=first or "", proof=None, why=why, command=command
    )  # fmt: skip
