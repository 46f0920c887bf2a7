"""What was laid down before a drill, in words, and what its result does not show. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from switchover.domain.cut_off import Drill, TargetKind

# Each limit of an order, as it is said; a limit that is not among them is said by its name.
SAID = {
    "rto_s": "answers again within {:g} s",
    "steady_for_s": "then steady for {:g} s",
    "max_error_share": "at most {:.1%} of the callers fail",
    "stop_error_share": "lifted early beyond {:.0%} failing",
    "stop_p95_ms": "or beyond {:,.0f} ms in the 95th percentile",
}


def limits_said(drill: Drill) -> list[str]:
    """The thresholds that were fixed before it began."""
    return [SAID.get(name, f"{name} {{:g}}").format(value) for name, value in drill.thresholds.items()]


def not_shown(drill: Drill) -> Iterator[str]:
    """What nobody may conclude from this drill."""
    outcome = drill.outcome
    if outcome is None or outcome.result not in ("passed", "failed"):
        yield "Anything either way: it did not come to a decision."
    if drill.share < 1:
        yield (
            f"That the replacement carries all of the traffic: {drill.share:.0%} of it met the fault. The whole takes "
            "a measured capacity, or a drill with a share of 1."
        )
    yield (
        f"Any other way to lose {drill.target}: here it was {drill.fault}. A slow or half-broken answer is detected "
        "otherwise than a refused one."
    )
    if drill.target.kind is TargetKind.UPSTREAM:
        yield "What happens when its whole provider or jurisdiction goes, and fallbacks there with it."
    yield "How good the replacement's answers are: that rests on its proof, not on the drill."
    if outcome is not None and outcome.lifted_at > outcome.placed_at:
        length = outcome.lifted_at - outcome.placed_at
        yield f"What happens after more than {length:,.0f} s, or in a busier hour than that one."
