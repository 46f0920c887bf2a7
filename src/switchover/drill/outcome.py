"""Observed against promised. Pure: exchanges and moments in, an outcome out."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, sqrt

from switchover.domain.cut_off import DrillOutcome

# Silence is not steadiness: so many requests must end within the steady time.
FEWEST_STEADY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One exchange as the drill sees it. Moments are Unix seconds.

    ``drilled``: in the share that is to meet the fault. ``faulted``: an attempt did meet it (once the breaker is open,
    no attempt does, and callers go straight to the replacement). ``replaced``: answered by an upstream that is not
    lost. ``failed``: the caller got no whole answer, refusals for want of an upstream included.
    """

    id: str
    started_at: float
    elapsed_ms: float
    drilled: bool
    faulted: bool
    replaced: bool
    failed: bool

    @property
    def ended_at(self) -> float:
        """When the caller had the answer or the error."""
        return self.started_at + self.elapsed_ms / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The limits that an outcome is judged by, and when the cut-off was placed and lifted."""

    placed_at: float
    lifted_at: float
    rto_promised: float
    steady_for: float
    max_error_share: float


def decide(
    seen: Sequence[Seen], window: Window, *, stopped: Sequence[str] = (), unsteady: Sequence[str] = ()
) -> DrillOutcome:
    """The outcome: passed, failed, stopped (a stop condition was met) or not exercised (nobody met the fault).

    ``unsteady`` says why steady state did not return after the lift.
    """
    during = [one for one in seen if window.placed_at <= one.started_at < window.lifted_at]
    met = min((one.started_at for one in during if one.faulted), default=None)
    drilled = [one for one in during if one.drilled and met is not None and one.started_at >= met]
    control = [one for one in during if not one.drilled]
    answered = [one.ended_at for one in drilled if one.replaced and not one.failed]
    steady_at = recovered(drilled, window)
    rto = None if met is None or steady_at is None else max(steady_at - met, 0.0)
    result, reasons = _judge(drilled, control, met, rto, window, stopped, unsteady)
    return DrillOutcome(
        result=result,
        reasons=tuple(reasons),
        placed_at=window.placed_at,
        lifted_at=window.lifted_at,
        first_fault_at=met,
        first_replacement_at=min(answered, default=None),
        steady_at=steady_at,
        rto=rto,
        rto_promised=window.rto_promised,
        requests=len(drilled),
        failed=sum(one.failed for one in drilled),
        control_requests=len(control),
        control_failed=sum(one.failed for one in control),
        p95_ms=p95([one.elapsed_ms for one in drilled]),
        control_p95_ms=p95([one.elapsed_ms for one in control]),
    )


def recovered(drilled: Sequence[Seen], window: Window) -> float | None:
    """The first replacement answer after which errors stay at steady state for ``steady_for``; None if never.

    The steady time must end before the cut-off was lifted: what happened afterwards proves nothing.
    """
    ordered = sorted(drilled, key=lambda one: one.ended_at)
    ends = [one.ended_at for one in ordered]
    failures = [0, *accumulate(int(one.failed) for one in ordered)]
    for one in ordered:
        if one.failed or not one.replaced:
            continue
        until = one.ended_at + window.steady_for
        if until > window.lifted_at:
            return None
        first, last = bisect_left(ends, one.ended_at), bisect_right(ends, until)
        count, failed = last - first, failures[last] - failures[first]
        if count >= FEWEST_STEADY and failed <= window.max_error_share * count:
            return one.ended_at
    return None


def error_share(seen: Sequence[Seen]) -> float | None:
    """Failed of all, None without any."""
    return sum(one.failed for one in seen) / len(seen) if seen else None


def p95(values: Sequence[float]) -> float | None:
    """The 95th percentile, nearest rank; None without values."""
    return sorted(values)[ceil(0.95 * len(values)) - 1] if values else None


def wilson(failed: int, count: int) -> tuple[float, float]:
    """The 95 % score interval of a share (E. B. Wilson, JASA 22:209, 1927); (0, 1) without observations."""
    if count == 0:
        return 0.0, 1.0
    z, share = 1.959964, failed / count
    middle = share + z * z / (2 * count)
    spread = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def _judge(
    drilled: Sequence[Seen],
    control: Sequence[Seen],
    met: float | None,
    rto: float | None,
    window: Window,
    stopped: Sequence[str],
    unsteady: Sequence[str],
) -> tuple[str, list[str]]:
    if stopped:
        return "stopped", list(stopped)
    if met is None:
        return "not exercised", ["no request met the fault while it was in force"]
    reasons = list(unsteady)
    if rto is None:
        reasons.append(f"no replacement answer was followed by {window.steady_for:g} s of steady traffic")
    elif rto > window.rto_promised:
        reasons.append(f"recovery took {rto:.1f} s, promised were {window.rto_promised:g} s")
    share = error_share(drilled) or 0.0
    allowed = max(window.max_error_share, error_share(control) or 0.0)
    if share > allowed:
        reasons.append(f"{share:.1%} of the callers failed, steady state and control allow {allowed:.1%}")
    return ("failed" if reasons else "passed"), reasons
