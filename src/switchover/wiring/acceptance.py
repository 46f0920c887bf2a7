"""A risk accepted or taken back by the owner of a process, as a command does it."""

from __future__ import annotations

from dataclasses import replace

from switchover.access.approvals import require_approval
from switchover.domain.acceptance import Acceptance
from switchover.domain.candidate import PromptKind, PromptVersion, State, Verdict, digest, fingerprint
from switchover.domain.people import Actor, Approval
from switchover.domain.process import Criticality, Process, Settings, UpstreamSpec
from switchover.errors import NotFound, OperatorError
from switchover.evidence import events
from switchover.planning.plan import MEND_UNREAD, UNREAD_WEIGHTS
from switchover.store import Store
from switchover.store import acceptances as rows
from switchover.store import prompt_versions as version_rows
from switchover.store import proofs as verdict_rows
from switchover.store.people import name_of

from . import access
from .evidence import noting
from .parts import CLOCK, open_store
from .templates import with_templates

DAY = 86_400.0
# Whoever wants it for longer accepts it again, having looked at it again.
LONGEST_S = 366 * DAY


def accept(
    settings: Settings,
    process: Process,
    candidate: str,
    *,
    actor: Actor,
    reason: str,
    lasts: float,
    prompt_version: str | None = None,
    although_not_ready: bool = False,
) -> Acceptance:
    """Lets a candidate serve without a proof for ``lasts`` seconds; that is noted.

    Of a critical process it takes two people. Raises Forbidden, ApprovalNeeded, NotFound, and OperatorError for what
    can't be accepted.
    """
    access.check(settings, actor, "accept", process.name)
    spec = _candidate(settings, process, candidate)
    if not reason.strip():
        raise OperatorError("a risk is accepted for a reason", mend="say which: --reason")
    if lasts > LONGEST_S:
        raise OperatorError("a risk is accepted for a year at most", mend="write for example --until 30d")
    with open_store(settings) as store, noting(settings, actor) as note:
        version, now = _version(store, process, spec, prompt_version), CLOCK.now()
        verdict = _newest(store, process, spec, version)
        if verdict is not None and verdict.state is State.NOT_READY and not although_not_ready:
            raise OperatorError(
                f"{spec.name} was shown to be NOT READY for {process.name}: {'; '.join(verdict.evidence.reasons)}",
                mend="whoever wants it to serve all the same says so: --although-not-ready",
            )
        found = Acceptance(
            id=f"ac-{digest([process.name, spec.name, version.id, now], 10)}",
            process=process.name,
            upstream=spec.name,
            fingerprint=fingerprint(spec),
            prompt_version=version.id,
            state=State.UNPROVEN if verdict is None else verdict.state,
            verdict=None if verdict is None else verdict.id,
            reason=reason,
            made_at=now,
            made_by=actor.recorded,
            expires_at=now + lasts,
        )
        if process.criticality is Criticality.CRITICAL:
            # Either of the two may carry out what both agreed on.
            agreed = _both(store, found, actor, note)
            found = replace(found, made_by=agreed.proposed_by, approved_by=agreed.decided_by)
        note(events.accepted(rows.save_acceptance(store, found), found))
    return found


def _both(store: Store, found: Acceptance, actor: Actor, note: events.Note) -> Approval:
    """Who asked for exactly this, and who agreed. Raises Forbidden, ApprovalNeeded."""
    lasts = found.expires_at - found.made_at
    asked = {
        "prompt_version": found.prompt_version,
        "fingerprint": found.fingerprint,
        "lasts": round(lasts),
        "state": found.state.value,
    }
    return require_approval(
        store,
        actor,
        "accept",
        f"{found.upstream} for {found.process} without a proof ({found.state}), for {lasts / DAY:.3g} days",
        process=found.process,
        parameters=asked,
        reason=found.reason,
        now=found.made_at,
        note=note,
    )


def withdraw(settings: Settings, process: Process, candidate: str, *, actor: Actor) -> int:
    """Takes back what was accepted of a candidate; returns how many acceptances that were. Raises NotFound."""
    access.check(settings, actor, "accept", process.name)
    with open_store(settings) as store, noting(settings, actor) as note:
        ended = rows.end_acceptances(store, process.name, candidate, at=CLOCK.now(), by=actor.recorded)
        for fact in ended:
            note(events.ended(fact))
    if not ended:
        raise NotFound(
            f"nothing is accepted of {candidate!r} for {process.name}",
            mend="`switchover verdicts` says what is",
        )
    return len(ended)


def in_force(settings: Settings, process: str | None = None) -> list[tuple[Acceptance, str]]:
    """What is accepted now, and by whom, by name."""
    with open_store(settings) as store:
        return [(one, name_of(store, one.made_by)) for one in rows.acceptances(store, process, now=CLOCK.now())]


def _candidate(settings: Settings, process: Process, name: str) -> UpstreamSpec:
    if name not in process.fallbacks:
        known = ", ".join(process.fallbacks) or "those you add under fallbacks"
        raise NotFound(f"{name!r} is no fallback of {process.name}", mend=f"use one of {known}")
    spec = with_templates(settings, idle=True).upstreams[name]
    if not process.may_see(spec, settings.providers):
        raise OperatorError(
            f"the data policy keeps {process.data} data from {name}, and no acceptance changes that",
            mend=f"change processes.{process.name}.allow, if the policy is wrong",
        )
    if not spec.is_known:
        raise OperatorError(f"{name}: {UNREAD_WEIGHTS}", mend=MEND_UNREAD)
    return spec


def _version(store: Store, process: Process, spec: UpstreamSpec, name: str | None) -> PromptVersion:
    """The version that is named; else that of the newest verdict; else the request as it is."""
    known = [one for one in version_rows.prompt_versions(store, process.name) if one.upstream == spec.name]
    if name is not None:
        found = next((one for one in known if one.id == name), None)
        if found is None:
            there = ", ".join(one.id for one in known) or "none yet"
            raise NotFound(f"{process.name} has no prompt version {name!r} for {spec.name}", mend=f"there are: {there}")
        return found
    by_id = {one.id: one for one in known}
    rehearsed = [one.cell for one in verdict_rows.verdicts(store, process.name) if one.cell.upstream == spec.name]
    for cell in rehearsed:
        if cell.fingerprint == fingerprint(spec) and cell.prompt_version in by_id:
            return by_id[cell.prompt_version]
    if spec.kind == "student":
        if not known:
            raise NotFound(f"{spec.name} has learned nothing yet", mend=f"run `switchover adapt {process.name}` first")
        return max(known, key=lambda version: (version.made_at, version.id))
    version = PromptVersion.make(process=process.name, upstream=spec.name, kind=PromptKind.AS_IS)
    version_rows.save_prompt_version(store, version)
    return version


def _newest(store: Store, process: Process, spec: UpstreamSpec, version: PromptVersion) -> Verdict | None:
    """The newest verdict on this very candidate, by whichever grader."""
    made_with = fingerprint(spec)
    found = (
        one
        for one in verdict_rows.verdicts(store, process.name)
        if (one.cell.upstream, one.cell.fingerprint, one.cell.prompt_version) == (spec.name, made_with, version.id)
    )
    return next(found, None)
