"""Proofs, drills and RTO → where each process stands. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from switchover.domain.candidate import Proof, State, Verdict
from switchover.domain.cut_off import Drill
from switchover.domain.process import Process

from .model import Standing, Traffic


def passed_drill(process: Process, proof: Proof, drills: Sequence[Drill]) -> Drill | None:
    """The newest drill in which this very replacement (same candidate and prompt version) recovered the process."""
    found = [
        drill
        for drill in drills
        if drill.process == process.name
        and drill.outcome is not None
        and drill.outcome.result == "passed"
        and drill.proof == proof.id
    ]
    return max(found, key=lambda drill: drill.begun_at, default=None)


def standing(
    process: Process,
    traffic: Traffic | None,
    verdicts: Sequence[Verdict],
    proofs: Sequence[Proof],
    drills: Sequence[Drill],
    now: float,
) -> Standing:
    """Everything known about one process. ``verdicts`` are newest first, one per cell."""
    own_verdicts = tuple(verdict for verdict in verdicts if verdict.cell.process == process.name)
    in_date = [proof for proof in proofs if proof.process == process.name and proof.expires_at > now]
    by_order = sorted(
        (proof for proof in in_date if proof.upstream in process.fallbacks),
        key=lambda proof: (process.fallbacks.index(proof.upstream), -proof.made_at),
    )
    proof = by_order[0] if by_order else None
    mine = [drill for drill in drills if drill.process == process.name]
    newest = max(mine, key=lambda drill: drill.begun_at, default=None)
    drill = (passed_drill(process, proof, drills) if proof else None) or newest
    return Standing(
        process=process,
        traffic=traffic,
        verdicts=own_verdicts,
        proof=proof,
        drill=drill,
        word=_word(process, own_verdicts, proof, drill),
    )


def _word(process: Process, verdicts: Sequence[Verdict], proof: Proof | None, drill: Drill | None) -> str:
    if proof is None:
        if not verdicts:
            return "untested: no replacement was ever rehearsed"
        if any(verdict.state is State.UNPROVEN for verdict in verdicts):
            return "no replacement is proven yet"
        return "no replacement is good enough"
    if drill is None or drill.outcome is None or drill.proof != proof.id:
        return f"{proof.upstream} is proven; untested: the switch was never drilled"
    if drill.outcome.result != "passed":
        return f"{proof.upstream} is proven; the last drill ended: {drill.outcome.result}"
    took = drill.outcome.rto
    if took is None or took > process.rto:
        return f"{proof.upstream} is proven; the drill took longer than promised"
    return f"{proof.upstream} is proven and drilled: {took:.1f} s of {process.rto:.0f} s"
