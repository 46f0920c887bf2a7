"""Whether an answer that broke off may be gone on with, by whom, and why not by the others. Pure.

Source: ``facts/faults.yaml``, midstream.continue_only_if.
"""

from __future__ import annotations

from dataclasses import dataclass

from switchover.errors import Crossed, ModelSwapped, OutOfForm, PromptShortened, RequestRejected, UpstreamError

from .plan import Attempt, Plan

# What such an error leaves is no beginning of a good answer.
SPOILT = (Crossed, ModelSwapped, OutOfForm, PromptShortened, RequestRejected)
ENDLESS = "runaway-output"
# Of what a request may need: an answer that has a form is whole or useless.
FORMS = frozenset(["tools", "json_schema", "n", "logprobs"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """An answer that broke off after its first content was sent on.

    ``upstream`` told it and ``error`` ended it. ``barred`` says why its text can't go on from where it is ("" if it
    can), ``needs`` what the request asked of a model. ``tokens`` are left of the answer's limit (None: it has none),
    ``tries`` of the request's attempts, ``seconds`` of the caller's patience.
    """

    upstream: str
    error: UpstreamError
    barred: str = ""
    needs: frozenset[str] = frozenset()
    tokens: int | None = None
    tries: int = 1
    seconds: float = float("inf")


@dataclass(frozen=True, slots=True)
class GoingOn:
    """Who may go on with it, in order; ``reasons`` why nobody may, or why not those that were passed over."""

    attempts: tuple[Attempt, ...]
    reasons: tuple[str, ...]


def may_go_on(plan: Plan, broken: Broken) -> GoingOn:
    """The attempts of a plan made after the break that may go on with the answer."""
    barred = _barred(broken)
    if barred:
        return GoingOn((), (barred,))
    fitting = []
    reasons = [f"{one.upstream}: {one.reason}" for one in plan.skipped]
    for attempt in plan.attempts:
        why = cannot_continue(attempt)
        if attempt.upstream.name == broken.upstream:
            why = "it broke off just now"
        if why:
            reasons.append(f"{attempt.upstream.name}: {why}")
        else:
            fitting.append(attempt)
    return GoingOn(tuple(fitting[: broken.tries]), tuple(reasons))


def cannot_continue(attempt: Attempt) -> str:
    """Why an upstream may not go on with what another began, in words that follow its name; "" when it may."""
    if attempt.continuation is not None:
        return ""
    if attempt.accepted is not None:
        return "it has no proof, so none of continuing answers"
    if attempt.proof is None:
        return "the baseline has no proof of continuing others' answers"
    if attempt.proof.continuation is not None:
        return "its cut-and-continue cases are no longer in date"
    return "its proof has no cut-and-continue cases"


def _barred(broken: Broken) -> str:
    """Why nobody may go on with it; "" when somebody may."""
    said = broken.error.seen_status
    if isinstance(broken.error, SPOILT) or broken.error.fault == ENDLESS or (said is not None and 400 <= said < 500):
        return f"after {broken.error.fault} no answer is continued"
    if broken.needs & FORMS:
        return "an answer was asked for that has a form"
    if broken.barred:
        return broken.barred
    if broken.tokens is not None and broken.tokens < 1:
        return "nothing is left of the answer's limit"
    if broken.tries < 1:
        return "no attempt is left"
    if broken.seconds <= 0:
        return "nothing is left of the caller's deadline"
    return ""
