"""What workers' pages of figures say of upstreams: breakers that are not closed, and credentials that wait."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from switchover.planning import BreakerState, Pause
from switchover.planning.breaker import CLOSED, RANK

from .exposition import read
from .metric_table import PAUSED_UNTIL

STATES = {rank: state for state, rank in RANK.items()}
# A worker's name, its page's age in seconds, and the page, as ``Neighbours.others`` gives them.
Page = tuple[str, float, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A breaker that is not closed: which, why, and at which workers."""

    upstream: str
    scope: str
    state: BreakerState
    fault: str
    workers: tuple[str, ...]


def breakers(pages: Sequence[Page], asked: str) -> list[Seen]:
    """What is not closed for such requests on any worker's page, worst first; workers that agree are told together."""
    found: dict[tuple[str, str, BreakerState, str], list[str]] = {}
    for worker, _, page in pages:
        reasons = {
            (labels["upstream"], labels["scope"]): labels["fault"]
            for labels, _ in read(page, "switchover_breaker_reason")
            if labels["asked_for"] == asked
        }
        for labels, value in read(page, "switchover_breaker_state"):
            state, hung = STATES.get(int(value), CLOSED), (labels["upstream"], labels["scope"])
            if state is not CLOSED and labels["asked_for"] == asked:
                found.setdefault((*hung, state, reasons.get(hung, "")), []).append(worker)
    seen = [
        Seen(upstream=upstream, scope=scope, state=state, fault=fault, workers=tuple(workers))
        for (upstream, scope, state, fault), workers in found.items()
    ]
    return sorted(seen, key=lambda one: -RANK[one.state])


def worst(seen: Iterable[Seen]) -> dict[str, BreakerState]:
    """Each upstream by its worst breaker: every worker has its own."""
    states: dict[str, BreakerState] = {}
    for one in seen:
        states[one.upstream] = max(states.get(one.upstream, CLOSED), one.state, key=lambda state: RANK[state])
    return states


def pauses(pages: Sequence[Page], now: float) -> dict[str, Pause]:
    """Upstreams whose credential is asked to wait beyond ``now`` (Unix seconds), by the longest of the workers."""
    told = sorted((until, labels["upstream"]) for _, _, page in pages for labels, until in read(page, PAUSED_UNTIL))
    return {upstream: Pause(until) for until, upstream in told if until > now}
