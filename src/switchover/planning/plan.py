"""Process, cut-offs, proofs and breakers → ordered attempts, with the reason for each upstream passed over. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from switchover.domain.acceptance import Acceptance
from switchover.domain.candidate import Continuation, PromptVersion, Proof, State, fingerprint, templates_apart
from switchover.domain.cut_off import CutOff, Target
from switchover.domain.process import DataClass, Process, UpstreamSpec
from switchover.domain.register import Snapshot

from .breaker import BreakerState
from .pauses import Pause

DAY_S = 86_400.0
# The need of a request that rests on what its provider keeps: only the baseline can be expected to have that.
STATE = "state"
TEMPLATE_CHANGED = "its chat template"
# What our own kinds of engine can't do, whatever a proof says.
CANNOT = {
    "student": frozenset(["tools", "json_schema", "vision", "files", "n", "logprobs"]),
    "local": frozenset(["vision", "files", "n", "logprobs"]),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try: an upstream, how it is asked, and why it may be.

    ``proof`` is None for the baseline, which needs none. ``held``: the proof has lapsed, but was in date when the
    baseline was lost. ``drill_cut`` wraps the upstream in a fault for its share of the traffic. ``doubt``: why its
    proofs would be suspended, for a baseline, which serves all the same. ``continuation`` is how it may be asked to go
    on with an answer that broke off, None where no proof in date shows that it can.
    ``accepted``: it has no proof, and serves by the owner's acceptance of that risk. ``same_as``: it makes embeddings
    in that upstream's stead, with the same model.
    """

    upstream: UpstreamSpec
    prompt_version: PromptVersion | None = None
    proof: Proof | None = None
    drill_cut: CutOff | None = None
    held: bool = False
    doubt: str | None = None
    continuation: Continuation | None = None
    accepted: Acceptance | None = None
    same_as: str | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """An upstream passed over, and why, in words that follow its name ("cut off", "no proof in date").

    ``by_policy``: the data policy keeps the process's data from it. ``pause``: it serves again once that is over.
    ``unable``: nobody of its kind does what was asked.
    """

    upstream: str
    reason: str
    by_policy: bool = False
    pause: Pause | None = None
    unable: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered attempts. ``until`` is the first moment at which time alone would change it."""

    process: str
    attempts: tuple[Attempt, ...]
    skipped: tuple[Skipped, ...]
    until: float = float("inf")
    is_drilled: bool = field(init=False)

    def __post_init__(self) -> None:
        """Kept with the plan, as it is asked for every request."""
        object.__setattr__(self, "is_drilled", any(attempt.drill_cut for attempt in self.attempts))

    @property
    def why_not(self) -> str:
        """One sentence that says why what was passed over can't serve."""
        if not self.skipped:
            return "no other upstream is configured"
        return "; ".join(f"{one.upstream}: {one.reason}" for one in self.skipped)


def plan(
    snapshot: Snapshot,
    process_name: str,
    now: float,
    *,
    breakers: Mapping[str, BreakerState] | None = None,
    pauses: Mapping[str, Pause] | None = None,
    without: tuple[Target, ...] = (),
    needs: frozenset[str] = frozenset(),
    data: DataClass | None = None,
) -> Plan:
    """The attempts for one request: the baseline, then the fallbacks in configured order that hold a proof.

    After them come those of which the owner accepted that they have none.

    ``breakers`` is by upstream name (absent = closed), ``pauses`` of their credentials too, in Unix seconds;
    ``without`` supposes targets lost; ``needs`` says what the request asks of a model ("tools", "json_schema",
    "vision", "files", "n", "logprobs", "state"), ``data`` the class that was found in it; a side request is planned by
    :func:`~switchover.planning.side.plan_request`. Raises KeyError for an unknown process.
    """
    process = snapshot.processes[process_name]

    def standing(spec: UpstreamSpec) -> Attempt | Skipped:
        reason = barred(snapshot, process, spec, now, without, needs, data)
        attempt = None if reason else _proven(snapshot, process, spec, now)
        if attempt is not None:
            return attempt
        by_policy = not process.may_see(spec, snapshot.providers, data)
        return Skipped(spec.name, reason or _unproven(snapshot, process, spec, now), by_policy)

    found = sorted((standing(snapshot.upstreams[name]) for name in process.upstreams), key=_is_accepted)
    return in_order(process_name, found, now, breakers or {}, pauses or {}, until(snapshot, process, now))


def _is_accepted(one: Attempt | Skipped) -> bool:
    return isinstance(one, Attempt) and one.accepted is not None


def in_order(
    process: str,
    found: Sequence[Attempt | Skipped],
    now: float,
    breakers: Mapping[str, BreakerState],
    pauses: Mapping[str, Pause],
    until: float,
) -> Plan:
    """The plan of what was found of each upstream in turn, as its breaker and its credential let it through."""
    attempts: list[Attempt] = []
    skipped: list[Skipped] = []
    cooling: list[tuple[int, Attempt]] = []
    for one in found:
        if isinstance(one, Skipped):
            skipped.append(one)
            continue
        attempt, name = one, one.upstream.name
        state, pause = breakers.get(name, BreakerState.CLOSED), pauses.get(name)
        if state is BreakerState.HELD:
            skipped.append(Skipped(name, "it turned us away, and is held until someone restores it"))
        elif pause is not None and pause.until > now:
            skipped.append(Skipped(name, str(pause), pause=pause))
        elif state is BreakerState.OPEN:
            cooling.append((len(skipped), attempt))
            skipped.append(Skipped(name, "it failed too often just now"))
        else:
            attempts.append(attempt)
    if not attempts and cooling:
        # The last upstream is probed, never ejected: a refusal helps nobody (Envoy's panic threshold).
        place, attempt = cooling[0]
        attempts.append(attempt)
        del skipped[place]
    until = min([until, *[one.pause.until for one in skipped if one.pause is not None]])
    return Plan(process, tuple(attempts), tuple(skipped), until)


def barred(
    snapshot: Snapshot,
    process: Process,
    spec: UpstreamSpec,
    now: float,
    without: tuple[Target, ...],
    needs: frozenset[str],
    data: DataClass | None = None,
) -> str | None:
    """Why an upstream may not be called at all, or None."""
    if not process.may_see(spec, snapshot.providers):
        return f"the data policy keeps {process.data} data from it"
    if not process.may_see(spec, snapshot.providers, data):
        return f"the data policy keeps {data} data from it, and the request was found to hold such"
    for target in without:
        if target.covers(spec, snapshot.providers):
            return f"supposed lost with {target}"
    for cut in snapshot.cut_offs:
        if cut.fault is None and _concerns(cut, process, spec, snapshot, now):
            return f"cut off ({cut.target}: {cut.reason})"
    if STATE in needs and spec.name != process.baseline:
        return "it has none of the earlier answers, conversations or files that the request names"
    missing = sorted(needs & CANNOT.get(spec.kind, frozenset()))
    if missing:
        return f"a {spec.kind} engine can't do {', '.join(missing)}"
    if spec.is_own and spec.name not in snapshot.endpoints and spec.base_url is None:
        return "its engine is not running"
    return None


def _concerns(cut: CutOff, process: Process, spec: UpstreamSpec, snapshot: Snapshot, now: float) -> bool:
    limited = cut.processes and process.name not in cut.processes
    return not limited and cut.in_force(now) and cut.target.covers(spec, snapshot.providers)


def drilled(snapshot: Snapshot, process: Process, spec: UpstreamSpec, now: float) -> CutOff | None:
    """The drill that wraps this upstream in a fault."""
    found = (c for c in snapshot.cut_offs if c.fault is not None and _concerns(c, process, spec, snapshot, now))
    return next(found, None)


def _proven(snapshot: Snapshot, process: Process, spec: UpstreamSpec, now: float) -> Attempt | None:
    suspended = snapshot.suspended.get(spec.name)
    cut, doubt = drilled(snapshot, process, spec, now), suspended.why if suspended else None
    attempt = Attempt(upstream=spec, drill_cut=cut, doubt=doubt)
    if spec.name == process.baseline:
        return attempt
    if suspended is not None:
        return None
    fitting = [p for p in _fitting(snapshot, process, spec) if _serves(snapshot, process, p, now)]
    if not fitting:
        accepted = _accepted(snapshot, process, spec, now)
        if accepted is None:
            return None
        return replace(attempt, accepted=accepted, prompt_version=snapshot.prompt_versions[accepted.prompt_version])
    best = max(fitting, key=lambda p: (p.expires_at > now, p.made_at, p.id))
    version = snapshot.prompt_versions[best.prompt_version]
    continues = best.continues_until is not None and now < _held_until(snapshot, process, best.continues_until)
    return replace(
        attempt,
        proof=best,
        prompt_version=version,
        held=best.expires_at <= now,
        continuation=best.continuation if continues else None,
    )


def _fitting(snapshot: Snapshot, process: Process, spec: UpstreamSpec) -> list[Proof]:
    """Proofs of this process made with this very model and a prompt version that is still there, in date or not.

    Against the baseline as it is: in its epoch of today.
    """
    made_with, today = fingerprint(spec), snapshot.epochs.get(process.name, {}).get(spec.name)
    found = []
    for proof in snapshot.proofs:
        if proof.process != process.name or proof.upstream != spec.name or proof.fingerprint != made_with:
            continue
        if today is not None and proof.epoch != today:
            continue
        version = snapshot.prompt_versions.get(proof.prompt_version)
        if version is None or version.process != process.name or version.upstream != spec.name:
            continue
        found.append(proof)
    return found


def _accepted(snapshot: Snapshot, process: Process, spec: UpstreamSpec, now: float) -> Acceptance | None:
    """The owner's acceptance of this very model, with a prompt version that is still there."""
    found = [
        one
        for one in snapshot.acceptances
        if (one.process, one.upstream, one.fingerprint) == (process.name, spec.name, fingerprint(spec))
        and one.in_force(now)
        and one.prompt_version in snapshot.prompt_versions
    ]
    return max(found, key=lambda one: (one.made_at, one.id), default=None)


def _serves(snapshot: Snapshot, process: Process, proof: Proof, now: float) -> bool:
    states = (State.READY, State.PROVISIONAL) if process.accept_provisional else (State.READY,)
    return proof.state in states and now < _lapses(snapshot, process, proof)


def _lapses(snapshot: Snapshot, process: Process, proof: Proof) -> float:
    """When a proof stops serving."""
    return _held_until(snapshot, process, proof.expires_at)


def _held_until(snapshot: Snapshot, process: Process, expires_at: float) -> float:
    """When evidence stops serving: its expiry, or later while the baseline it would be renewed against is lost."""
    lost = snapshot.baseline_lost.get(process.name)
    if lost is None or lost >= expires_at:
        return expires_at
    hold = process.rehearse.hold if process.rehearse else 0.0
    return max(expires_at, lost + hold * DAY_S)


def _unproven(snapshot: Snapshot, process: Process, spec: UpstreamSpec, now: float) -> str:
    """Why no proof serves, in a few words."""
    fitting = _fitting(snapshot, process, spec)
    suspended = snapshot.suspended.get(spec.name)
    if fitting and suspended is not None:
        return f"its proof is suspended: {suspended.why}"
    if any(p.state is State.PROVISIONAL and now < _lapses(snapshot, process, p) for p in fitting):
        return "its proof is provisional, which this process does not accept"
    if fitting:
        return "its proof has expired"
    if (why := snapshot.ended.get(process.name, {}).get(spec.name)) is not None:
        return f"its proof has ended: {why}"
    made = [p for p in snapshot.proofs if p.process == process.name and p.upstream == spec.name]
    for proof in made:
        if (apart := templates_apart(proof.fingerprint, spec)) is not None:
            return other_template(*apart)
    if any(
        proof.fingerprint == fingerprint(spec) and proof.prompt_version in snapshot.prompt_versions for proof in made
    ):
        return f"its proof was made against another baseline than {process.baseline} is today"
    if made:
        return "its proof was made with another model or prompt version"
    return "NOT proven: no rehearsal has shown it READY"


def other_template(before: str, now: str) -> str:
    """Why a proof that was made with another chat template does not serve."""
    if now == "unknown":
        return f"{TEMPLATE_CHANGED} can't be told now (was {before}); see that its server or its weights can be had"
    mend = "put the old one back, or rehearse it again"
    return f"{TEMPLATE_CHANGED} has changed since its proof (was {before}, is {now}); {mend}"


def until(snapshot: Snapshot, process: Process, now: float) -> float:
    """The first moment at which time alone would change a plan of this process."""
    moments = [c.expires_at for c in snapshot.cut_offs if c.expires_at is not None]
    for accepted in snapshot.acceptances:
        if accepted.process == process.name:
            moments += [accepted.made_at, accepted.ends_at]
    for proof in snapshot.proofs:
        if proof.process == process.name:
            moments += [proof.expires_at, _lapses(snapshot, process, proof)]
            if proof.continues_until is not None:
                moments.append(_held_until(snapshot, process, proof.continues_until))
    return min((m for m in moments if m > now), default=float("inf"))
