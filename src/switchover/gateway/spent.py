"""What a caller is told when no attempt is left, or no time."""

from __future__ import annotations

from switchover.dialects.side import NEEDS_COUNT, NEEDS_VECTORS
from switchover.errors import BudgetExceeded, BudgetUnavailable, NoUpstream, OutOfTime, RateLimited, UpstreamError
from switchover.planning import Plan

from .admit import Call

SIDE_NEEDS = frozenset([NEEDS_VECTORS, NEEDS_COUNT])


class Spent(NoUpstream):
    """Every attempt failed: ``errors`` in order, ``message`` names what was passed over too."""

    def __init__(self, message: str, errors: list[UpstreamError]) -> None:
        self.errors = errors
        super().__init__(message, retry_after=max((e.retry_after or 0.0 for e in errors), default=0.0) or None)


class NotPermitted(Spent):
    """What is left may not see the process's data."""

    code = "policy_no_permitted_upstream"


class NoVectors(Spent):
    """Nobody who may serve the process makes embeddings."""

    http_status = 400
    code = "embeddings_unsupported"


class NoCount(Spent):
    """Nobody who would answer counts tokens."""

    http_status = 400
    code = "count_tokens_unsupported"


def first_choice(call: Call) -> str:
    """The upstream that serves such calls while nothing is lost."""
    process = call.process
    return process.embeddings[0] if process.embeddings and NEEDS_VECTORS in call.peek.needs else process.baseline


def kind_of(plan: Plan, call: Call) -> type[Spent]:
    """What it is that nothing is left."""
    if not plan.attempts and any(one.unable for one in plan.skipped):
        return NoVectors if NEEDS_VECTORS in call.peek.needs else NoCount
    if not plan.attempts and any(one.by_policy for one in plan.skipped):
        return NotPermitted
    return Spent


def why(plan: Plan, call: Call, errors: list[UpstreamError]) -> str:
    """One plain sentence: what was tried, and why nothing else could be; for what nobody does, what to do about it."""
    kind = kind_of(plan, call)
    said = _why(plan, call, errors)
    if kind is NoVectors:
        return f"{said} Name an upstream with an embedding model under processes.{call.process.name}.embeddings."
    if kind is NoCount:
        return f"{said} Leave the count out, or estimate it; an upstream of kind anthropic or local would count."
    return said


def _why(plan: Plan, call: Call, errors: list[UpstreamError]) -> str:
    baseline = first_choice(call)
    tried = [str(error) for error in errors]
    passed = [f"{one.upstream}: {one.reason}" for one in plan.skipped if one.upstream != baseline]
    lost = [f"baseline {baseline}: {one.reason}" for one in plan.skipped if one.upstream == baseline]
    if passed:
        side = not SIDE_NEEDS.isdisjoint(call.peek.needs)
        other = "upstream with the same model" if side else "replacement with a proof in date"
        rest = f"no {'other ' if tried else ''}{other} may serve ({'; '.join(passed)})"
    elif len(plan.attempts) <= 1 and not call.process.fallbacks:
        rest = "no replacement is configured"
    else:
        rest = "no attempt is left"
    return f"{call.process.name}: {'; '.join([*tried, *lost, rest])}."


def out_of_time(call: Call) -> OutOfTime:
    """What a caller is told whose deadline has passed."""
    return OutOfTime(
        f"{call.process.name}: no answer began within the {call.patience:g} s this caller waits; "
        "wait longer, or ask for a shorter answer or a stream"
    )


def short_of_money(
    short: BudgetExceeded | BudgetUnavailable, errors: list[UpstreamError]
) -> BudgetExceeded | BudgetUnavailable:
    """What a caller is told when who is left to be tried costs more than may be spent."""
    tried = f" (tried before: {'; '.join(map(str, errors))})" if errors else ""
    return type(short)(f"{short}{tried}.")


def all_busy(errors: list[UpstreamError]) -> bool:
    """True when every attempt was merely asked to slow down."""
    return bool(errors) and all(isinstance(error, RateLimited) for error in errors)
