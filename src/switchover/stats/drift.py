"""Has the mean fallen? A Shiryaev–Roberts e-detector: evidence that a change came at some moment, whichever.

For values v up to R and the hypothesis "no change", mean(v) >= level whatever came before,

    Mₙ = Σⱼ wⱼ Mₙⱼ,   Mₙⱼ = (Mₙ₋₁ⱼ + 1) · (1 + fⱼ ((R - vₙ) / (R - level) - 1)),   M₀ⱼ = 0

sums the wealth of bets begun at each value so far, with the fractions and weights of the verdict's own bets. While
nothing has changed Mₙ - n falls in expectation, so that the mean number of values to an alarm at a threshold is at
least that threshold, whatever the values' distribution. Source: e-detectors, arXiv 2203.03532; Roberts 1966.

The detector is a value: each new one costs the same few operations and six numbers of state.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from . import bets

THRESHOLD = 2_000.0
# What a baseline whose model is the same agrees with its stored answers, at least.
AGREEMENT = 0.95

_FRACTIONS: tuple[float, ...] = tuple(float(one) for one in bets.FRACTIONS)
_LOG_WEIGHTS: tuple[float, ...] = tuple(float(one) for one in bets.LOG_WEIGHTS)
_NOISE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """Watches values up to ``most`` whose mean is ``level`` or more while nothing has changed.

    ``logs`` holds ln(Mₙⱼ + 1) per bet, all of the state beside the counts: ``seen`` values so far, and the number of
    them at which it first reached the ``threshold``, None before.
    """

    level: float = 0.0
    most: float = 1.0
    threshold: float = THRESHOLD
    logs: tuple[float, ...] = (0.0,) * len(_FRACTIONS)
    seen: int = 0
    alarmed_at: int | None = None

    def __post_init__(self) -> None:
        if not self.level < self.most:
            raise ValueError(f"a mean of {self.level:g} can't fall among values up to {self.most:g}")
        if not self.threshold >= 1.0:
            raise ValueError(f"a threshold is 1 or more, not {self.threshold:g}")
        if len(self.logs) != len(_FRACTIONS):
            raise ValueError(f"a detector has {len(_FRACTIONS)} bets, not {len(self.logs)}")

    @property
    def alarmed(self) -> bool:
        """Whether the mean was seen to have fallen; it stays so."""
        return self.alarmed_at is not None

    def add(self, value: float) -> Detector:
        """With one more value. Raises ValueError above ``most``, or for what is no number."""
        if not value <= self.most + _NOISE or value == -math.inf:
            raise ValueError(f"a value lies above {self.most:g}, or is no number: {value}")
        gain = max(self.most - value, 0.0) / (self.most - self.level) - 1.0
        wealth = [log + math.log1p(f * gain) for log, f in zip(self.logs, _FRACTIONS, strict=True)]
        seen = self.seen + 1
        reached = _log_sum(w + one for w, one in zip(_LOG_WEIGHTS, wealth, strict=True)) >= math.log(self.threshold)
        return Detector(
            level=self.level,
            most=self.most,
            threshold=self.threshold,
            logs=tuple(_log_plus_one(one) for one in wealth),
            seen=seen,
            alarmed_at=seen if reached and self.alarmed_at is None else self.alarmed_at,
        )

    def add_all(self, values: Iterable[float]) -> Detector:
        """With these values, in order."""
        found = self
        for value in values:
            found = found.add(value)
        return found

    @property
    def log_evidence(self) -> float:
        """ln Mₙ; minus infinity before the first value."""
        return _log_sum(
            w + log + math.log(-math.expm1(-log)) if log > 0 else -math.inf
            for w, log in zip(_LOG_WEIGHTS, self.logs, strict=True)
        )

    def state(self) -> dict[str, Any]:
        """All of it as JSON has it; :meth:`of` makes it again."""
        return asdict(self) | {"logs": list(self.logs)}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Detector:
        """A detector from its :meth:`state`. Raises ValueError or TypeError for anything else."""
        return cls(**{**state, "logs": tuple(float(one) for one in state["logs"])})


def drift_detector(mean: float | None = None) -> Detector:
    """Watches d after a proof: a fall below the ``mean`` that d had when it was proven, and never one above 0.

    From 0 to -10 points is seen in about 120 replays.
    """
    return Detector(level=min(mean, 0.0) if mean is not None else 0.0)


def agreement_detector(usual: float = AGREEMENT) -> Detector:
    """Watches canaries: 1 where an answer agrees with the stored one, 0 where not, or a share between.

    ``usual`` is the share that agrees while nothing has changed, below 1. From 95 to 80 % is seen in about 45 calls.
    """
    return Detector(level=usual)


def _log_plus_one(log: float) -> float:
    """ln(e^log + 1)."""
    return log + math.log1p(math.exp(-log)) if log > 0 else math.log1p(math.exp(log))


def _log_sum(logs: Iterable[float]) -> float:
    """ln Σ e^log."""
    known = list(logs)
    top = max(known)
    return top + math.log(math.fsum(math.exp(one - top) for one in known)) if top > -math.inf else -math.inf
