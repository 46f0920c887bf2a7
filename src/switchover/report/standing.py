"""Proofs, drills and RTO → where each process stands. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from switchover.domain.candidate import Proof, State, Verdict
from switchover.domain.cut_off import Drill, Target, TargetKind
from switchover.domain.process import Process
from switchover.domain.register import Snapshot
from switchover.planning.plan import Attempt, plan

from .model import Fate, Standing, Traffic

# DORA, Art. 24(6), asks for tests of what supports critical functions at least yearly.
DRILL_HOLDS_S = 365 * 86_400.0
# Results that decide. A drill that was stopped or not exercised has shown nothing either way.
DECIDING = ("passed", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is shown of a replacement: its fate, the part of the volume (0–1) it is shown for, why, by which drill."""

    fate: Fate
    part: float
    why: str
    drill: Drill | None = None


def deciding_drill(process: Process, proof: Proof, proofs: Sequence[Proof], drills: Sequence[Drill]) -> Drill | None:
    """The newest drill that decided about this very replacement: same model and prompt version, whichever the proof.

    A proof that was renewed keeps its drill; a later drill that failed overrules one that passed.
    """
    alike = {proof.id} | {one.id for one in proofs if _what(one) == _what(proof)}
    found = [
        drill
        for drill in drills
        if drill.process == process.name
        and drill.proof in alike
        and drill.outcome is not None
        and drill.outcome.result in DECIDING
    ]
    return max(found, key=lambda drill: drill.begun_at, default=None)


def shown(
    process: Process,
    attempt: Attempt,
    proofs: Sequence[Proof],
    drills: Sequence[Drill],
    now: float,
    carries: float | None,
) -> Shown:
    """What is shown of the replacement that ``attempt`` names. Raises ValueError for the baseline.

    ``carries`` is the measured share (0–1) of the busiest minute that it can carry, None when never measured: a drill
    on a part of the traffic stands for the whole only where a measurement says that the whole fits.
    """
    proof, name = attempt.proof, attempt.upstream.name
    if attempt.accepted is not None:
        until = datetime.fromtimestamp(attempt.accepted.expires_at, UTC).strftime("%Y-%m-%d")
        why = f"{name} has no proof; its owner accepted that risk until {until}"
        return Shown(fate=Fate.ACCEPTED, part=0.0, why=why)
    if proof is None:
        raise ValueError(f"{name} is not a replacement")
    rests = f"{name} holds proof {proof.id}" + (", held over since the baseline was lost" if attempt.held else "")
    drill = deciding_drill(process, proof, proofs, drills)
    if drill is None or drill.outcome is None:
        return Shown(fate=Fate.UNTESTED, part=0.0, why=f"{rests}; no drill has tried the switch to it")
    if now - drill.begun_at > DRILL_HOLDS_S:
        return Shown(fate=Fate.UNTESTED, part=0.0, why=f"{rests}; its drill {drill.id} is more than a year old")
    if drill.outcome.result != "passed":
        said = f" ({'; '.join(drill.outcome.reasons)})" if drill.outcome.reasons else ""
        return Shown(fate=Fate.FAILED, part=0.0, why=f"{rests}; drill {drill.id} failed{said}", drill=drill)
    took = drill.outcome.rto
    if took is None or took > process.rto:
        slow = "did not recover" if took is None else f"took {took:.1f} s"
        why = f"{rests}; drill {drill.id} {slow}, and {process.rto:.0f} s are promised"
        return Shown(fate=Fate.TOO_SLOW, part=0.0, why=why, drill=drill)
    why = f"{rests}; drill {drill.id} recovered in {took:.1f} s of {process.rto:.0f} s"
    if drill.share >= 1.0:
        return Shown(fate=Fate.DRILLED, part=1.0, why=why, drill=drill)
    why += f", tried on {drill.share * 100:.0f} % of the calls"
    if carries is not None and carries >= 1.0:
        why += "; measured to carry the busiest recorded minute whole"
        return Shown(fate=Fate.DRILLED, part=1.0, why=why, drill=drill)
    carried = "not known to fit" if carries is None else f"measured to fit to {carries * 100:.0f} %"
    why += f"; the busiest recorded minute is {carried}, so only that part counts"
    return Shown(fate=Fate.IN_PART, part=drill.share, why=why, drill=drill)


def standing(
    process: Process,
    traffic: Traffic | None,
    verdicts: Sequence[Verdict],
    snapshot: Snapshot,
    proofs: Sequence[Proof],
    drills: Sequence[Drill],
    now: float,
    carries: dict[tuple[str, str], float | None],
    simulated: tuple[str, ...] = (),
) -> Standing:
    """Where a process stands should its baseline be lost. ``verdicts`` hold one per cell, ``proofs`` all not revoked.

    ``carries`` maps (process, upstream) to the measured share of the busiest minute.
    """
    own = tuple(verdict for verdict in verdicts if verdict.cell.process == process.name)
    planned = plan(snapshot, process.name, now, without=(Target(TargetKind.UPSTREAM, process.baseline),))
    newest = max((d for d in drills if d.process == process.name), key=lambda drill: drill.begun_at, default=None)
    if not planned.attempts:
        fate, word, proof, drill = Fate.STOPS, _unproven(process, own), None, newest
    else:
        first = planned.attempts[0]
        found = shown(process, first, proofs, drills, now, carries.get((process.name, first.upstream.name)))
        fate, proof, drill = found.fate, first.proof, found.drill or newest
        word = _word(first.upstream.name, found, process)
    return Standing(
        process=process,
        traffic=traffic,
        verdicts=own,
        proof=proof,
        proofs=tuple(one for one in proofs if one.process == process.name),
        drill=drill,
        fate=fate,
        word=word,
        simulated=simulated,
    )


def _what(proof: Proof) -> tuple[str, str, str, str]:
    return proof.process, proof.upstream, proof.fingerprint, proof.prompt_version


def _unproven(process: Process, verdicts: Sequence[Verdict]) -> str:
    if not process.fallbacks:
        return "no replacement is configured"
    if not verdicts:
        return "untested: no replacement was ever rehearsed"
    if any(verdict.state is State.READY for verdict in verdicts):
        return "a replacement was READY, and none may serve now"
    if any(verdict.state is State.NOT_READY for verdict in verdicts):
        return "no replacement is good enough"
    return "no replacement is proven yet"


def _word(name: str, found: Shown, process: Process) -> str:
    outcome = found.drill.outcome if found.drill else None
    took = "" if outcome is None or outcome.rto is None else f": {outcome.rto:.1f} s of {process.rto:.0f} s"
    return {
        Fate.DRILLED: f"{name} is proven and drilled{took}",
        Fate.IN_PART: f"{name} is proven, and drilled on {found.part * 100:.0f} % of the calls{took}",
        Fate.TOO_SLOW: f"{name} is proven; the drill took longer than promised{took}",
        Fate.FAILED: f"{name} is proven; the drill failed",
        Fate.ACCEPTED: found.why,
    }.get(found.fate, f"{name} is proven; untested: the switch was never drilled within a year")
