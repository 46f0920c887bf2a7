"""A row of the table, and whether what was measured may hold its target."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .candidates import Array

SHAPES = {"share": ("{:.2%}", "{:.0%}"), "count": ("{:,.1f}", "{:,.0f}"), "ms": ("{:.3f} ms", "{:.1f} ms")}


@dataclass(frozen=True)
class Line:
    """What was measured beside its target, at most so much unless ``at_least``; without a target it is told alone."""

    name: str
    measured: float
    target: float | None = None
    holds: bool = True
    unit: str = "share"
    at_least: bool = False

    def __str__(self) -> str:
        shape, target = SHAPES[self.unit]
        sign = "" if self.target is None else ("≥ " if self.at_least else "≤ ") + target.format(self.target)
        return f"{self.name:<66}{shape.format(self.measured):>12}{sign:>12}{'' if self.holds else '   MISSED'}"


@dataclass(frozen=True)
class Beside:
    """A rule: shares of READY for two candidates that may not be it and for an equal one, and the replays of that."""

    name: str
    worse: float
    rare: float
    equal: float
    replays: float

    HEADING = f"{'':<40}{'5 points worse':>16}{'rare failures':>16}{'equal':>10}{'replays, mean':>16}"

    def __str__(self) -> str:
        return f"{self.name:<40}{self.worse:>16.1%}{self.rare:>16.1%}{self.equal:>10.1%}{self.replays:>16,.1f}"


def share_line(name: str, share: float, target: float, runs: int) -> Line:
    """A share that is to be at most the target."""
    return Line(name, share, target, may_hold(share, target, runs))


def mean_line(name: str, seen: Array, target: float) -> Line:
    """A mean that is to be at most the target."""
    return Line(name, float(seen.mean()), target, mean_may_hold(seen, target), "count")


def may_hold(share: float, target: float, runs: int) -> bool:
    """True unless the one-sided 99 % Monte-Carlo interval excludes a share of at most ``target``."""
    return share - 2.326 * math.sqrt(target * (1 - target) / runs) <= target


def mean_may_hold(seen: Array, target: float) -> bool:
    """True unless the one-sided 99 % interval excludes a mean of at most ``target``."""
    return bool(seen.mean() - 2.326 * seen.std() / math.sqrt(len(seen)) <= target)
