"""Who may serve a side request: embeddings, or a count of tokens. Pure.

Neither is an answer that a grader could compare, so no proof speaks for a stand-in. What does is identity: vectors of
two models can't be compared, and a count is one model's own, so that nobody but the same model may take over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from switchover.dialects.side import NEEDS_COUNT, NEEDS_VECTORS
from switchover.domain.candidate import PromptKind
from switchover.domain.cut_off import Target
from switchover.domain.process import DataClass, Process, UpstreamSpec
from switchover.domain.register import Snapshot

from .breaker import BreakerState
from .pauses import Pause
from .plan import CANNOT, STATE, Attempt, Plan, Skipped, barred, drilled, in_order, plan, until

# All that a request may need of an upstream.
NEEDS = CANNOT["student"] | {STATE, NEEDS_VECTORS, NEEDS_COUNT}

# What requests are for, where it is told apart: an answer in words, or the need of a side request.
ANSWERS = "answers"

# Kinds of upstream that can't, and why not.
NO_VECTORS = {
    "anthropic": "Anthropic's interface has no embeddings",
    "local": "our own engine serves a chat model, which makes no embeddings",
    "student": "a student makes no embeddings",
}
NO_COUNT = {
    "openai": "it speaks no Anthropic messages, and tells no count of tokens before it answers",
    "student": "a student reads no tokens",
}


def plan_request(
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
    """The attempts for any request, as :func:`~switchover.planning.plan.plan` has them for one to be answered."""
    if NEEDS_VECTORS in needs:
        return _vectors(snapshot, process_name, now, breakers or {}, pauses or {}, without, data)
    rest = needs - {NEEDS_COUNT}
    answering = plan(
        snapshot, process_name, now, breakers=breakers, pauses=pauses, without=without, needs=rest, data=data
    )
    return _count(answering) if NEEDS_COUNT in needs else answering


def _vectors(
    snapshot: Snapshot,
    process_name: str,
    now: float,
    breakers: Mapping[str, BreakerState],
    pauses: Mapping[str, Pause],
    without: tuple[Target, ...],
    data: DataClass | None,
) -> Plan:
    """The first of the process's embedders, then those that serve the same model."""
    process = snapshot.processes[process_name]
    specs = [snapshot.upstreams[name] for name in process.embedders]
    found = [_embedder(snapshot, process, spec, specs[0], now, without, data) for spec in specs]
    return in_order(process_name, found, now, breakers, pauses, until(snapshot, process, now))


def _embedder(
    snapshot: Snapshot,
    process: Process,
    spec: UpstreamSpec,
    first: UpstreamSpec,
    now: float,
    without: tuple[Target, ...],
    data: DataClass | None,
) -> Attempt | Skipped:
    if spec.kind in NO_VECTORS:
        return Skipped(spec.name, NO_VECTORS[spec.kind], unable=True)
    if not same_model(spec, first):
        return Skipped(spec.name, f"its vectors can't be compared with those of {_model(first)}: it has {_model(spec)}")
    reason = barred(snapshot, process, spec, now, without, frozenset(), data)
    if reason is not None:
        return Skipped(spec.name, reason, not process.may_see(spec, snapshot.providers, data))
    same_as = None if spec is first else first.name
    return Attempt(upstream=spec, drill_cut=drilled(snapshot, process, spec, now), same_as=same_as)


def _count(answering: Plan) -> Plan:
    """Whoever would answer counts, and after it those with the same model, asked in the same words."""
    if not answering.attempts:
        return answering
    first = answering.attempts[0]
    attempts: list[Attempt] = []
    skipped = list(answering.skipped)
    for one in answering.attempts:
        reason = _no_count(one)
        if reason is not None:
            skipped.append(Skipped(one.upstream.name, reason, unable=one is first))
        elif one is first or (same_model(one.upstream, first.upstream) and not (_reworded(one) or _reworded(first))):
            attempts.append(one)
        else:
            skipped.append(Skipped(one.upstream.name, f"it counts otherwise than {first.upstream.name}, which answers"))
    return replace(answering, attempts=tuple(attempts), skipped=tuple(skipped))


def _no_count(attempt: Attempt) -> str | None:
    if attempt.upstream.kind in NO_COUNT:
        return NO_COUNT[attempt.upstream.kind]
    if attempt.upstream.kind == "anthropic" and _reworded(attempt):
        return "its prompt version adds to what is asked, which a count would leave out"
    return None


def _reworded(attempt: Attempt) -> bool:
    return attempt.prompt_version is not None and attempt.prompt_version.kind is not PromptKind.AS_IS


def asked_for(needs: frozenset[str]) -> str:
    """What a request with these needs is for."""
    return next((one for one in (NEEDS_VECTORS, NEEDS_COUNT) if one in needs), ANSWERS)


def same_model(one: UpstreamSpec, other: UpstreamSpec) -> bool:
    """Whether two upstreams serve the same model, as the register knows them: one name, of one developer."""
    return (one.model, one.developer) == (other.model, other.developer)


def _model(spec: UpstreamSpec) -> str:
    return f"{spec.model} ({spec.developer})"
