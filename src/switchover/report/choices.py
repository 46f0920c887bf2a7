"""Register, verdicts, proofs and drills → what is known of each upstream that could serve a process. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from switchover.domain.candidate import Proof, State, Verdict
from switchover.domain.cut_off import Drill
from switchover.domain.placement import place_of
from switchover.domain.process import Process
from switchover.domain.register import Snapshot
from switchover.planning.plan import Attempt, barred, plan

from .carrying import carried_by
from .placing import Choice
from .standing import shown


def choices(
    process: Process,
    snapshot: Snapshot,
    newest: Sequence[Verdict],
    proofs: Sequence[Proof],
    drills: Sequence[Drill],
    now: float,
    *,
    peak_minute: int = 0,
    costs: Mapping[str, Decimal] | None = None,
    spent: Decimal | None = None,
    retiring: Mapping[str, str] | None = None,
) -> tuple[Choice, ...]:
    """The baseline, then the fallbacks in configured order.

    ``newest`` are verdicts, one per cell, newest first; ``proofs`` all that were not revoked; ``costs`` (upstream →
    USD over two years) leave out what nobody knows; ``spent`` is what the baseline cost by the record;
    ``retiring`` (upstream → ISO day) has the retirements that were announced.
    """
    planned = plan(snapshot, process.name, now)
    attempts = {one.upstream.name: one for one in planned.attempts}
    skipped = {one.upstream: one.reason for one in planned.skipped}
    found = []
    for name in process.upstreams:
        spec, attempt = snapshot.upstreams[name], attempts.get(name)
        proof = attempt.proof if attempt and not attempt.held else None
        verdict = _verdict(newest, process.name, name, proof)
        carried = carried_by(process.name, spec, proof, newest, peak_minute) if spec.is_own else None
        carries = carried.share if carried else None
        found.append(
            Choice(
                spec=spec,
                place=place_of(spec, snapshot.providers),
                barred=_barred(process, snapshot, name, now),
                proof=proof,
                unproven=""
                if proof or name == process.baseline
                else _unproven(attempt, skipped.get(name, ""), verdict),
                shown=shown(process, attempt, proofs, drills, now, carries) if attempt and proof else None,
                carried=carried,
                cost=(costs or {}).get(name),
                spent=spent if name == process.baseline else None,
                verdict=verdict,
                retires=(retiring or {}).get(name),
            )
        )
    return tuple(found)


def _barred(process: Process, snapshot: Snapshot, name: str, now: float) -> tuple[str, str] | None:
    spec = snapshot.upstreams[name]
    why = barred(snapshot, process, spec, now, (), frozenset())
    if why is None:
        return None
    return ("cut-off" if process.may_see(spec, snapshot.providers) else "policy"), why


def _unproven(attempt: Attempt | None, reason: str, verdict: Verdict | None) -> str:
    if attempt is None and verdict is None:
        return f"untested: {reason}"
    if attempt is None:
        worse = verdict is not None and verdict.state is State.NOT_READY
        return "its newest rehearsal found it NOT READY" if worse else reason
    if attempt.held:
        return "its proof has expired, and is only held over since the baseline was lost"
    return "its owner accepted that it serves without a proof; that shows nothing"


def _verdict(newest: Sequence[Verdict], process: str, name: str, proof: Proof | None) -> Verdict | None:
    """The one behind its proof; else the newest of it."""
    found = [one for one in newest if (one.cell.process, one.cell.upstream) == (process, name)]
    if proof is not None:
        wanted = (proof.fingerprint, proof.prompt_version, proof.grader, proof.epoch)
        for one in found:
            if (one.cell.fingerprint, one.cell.prompt_version, one.cell.grader, one.cell.epoch) == wanted:
                return one
    return max(found, key=lambda one: one.made_at, default=None)
