"""A mixture of coin bets on the mean of bounded differences: evidence that holds at every look.

For differences d in [-1, 1] and the hypothesis mean(d) <= m,

    E(m) = Σⱼ wⱼ Πᵢ (1 + λⱼ (dᵢ - m)),   λⱼ = fⱼ / (1 + m)

is a product of non-negative bets that are fair or losing while the hypothesis is true, so that E reaches 1/α at any
moment with chance at most α (Ville). Source: Waudby-Smith & Ramdas, arXiv 2010.09686; optimality arXiv 2412.02640.

Evidence is kept as counts over 201 values, d rounded **down** to hundredths for READY and **up** for NOT READY, so that
rounding only ever costs evidence. Everything is computed in log space.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

BINS = 201
VALUES: Numbers = np.arange(-100, 101) / 100.0
FRACTIONS: Numbers = np.array([0.05, 0.12, 0.25, 0.45, 0.70, 0.995])
LOG_WEIGHTS: Numbers = np.log(np.array([0.05, 0.10, 0.20, 0.20, 0.20, 0.25]))

# Differences of scores carry float noise of about 1e-16; it must not push -0.05 into the bin below.
_NOISE = 1e-9
_PRECISION = 1e-6
_STEPS = 100
_TOP = math.log(2.0 - _PRECISION)


def bin_down(differences: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Bins (0–200) of differences in [-1, 1], rounded down. Raises ValueError outside that range."""
    return np.floor(_hundredths(differences) + _NOISE).astype(np.int64) + 100


def bin_up(differences: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Bins (0–200) of differences in [-1, 1], rounded up. Raises ValueError outside that range."""
    return np.ceil(_hundredths(differences) - _NOISE).astype(np.int64) + 100


def _hundredths(differences: npt.ArrayLike) -> Numbers:
    d = np.asarray(differences, dtype=np.float64)
    if not bool(np.all(np.abs(d) <= 1.0 + _NOISE)):
        raise ValueError("a difference lies outside [-1, 1]")
    return np.asarray(np.clip(d, -1.0, 1.0) * 100.0)


def log_growths(margin_mean: float, values: Numbers = VALUES) -> Numbers:
    """ln(1 + λⱼ (d - m)), shape (values, bets); ``margin_mean`` is m in (-1, 1)."""
    gain = (1.0 + values) / (1.0 + margin_mean) - 1.0
    return np.asarray(np.log1p(np.multiply.outer(gain, FRACTIONS)))


def log_evidence(counts: npt.NDArray[Any], m: float, values: Numbers = VALUES) -> Any:
    """ln E(m) against mean(d) <= m.

    ``counts`` has shape (..., len(values)): how often each value occurred, or the aged weight of those occurrences.
    Returns shape (...).
    """
    exponents = counts @ log_growths(m, values) + LOG_WEIGHTS
    top = exponents.max(axis=-1, keepdims=True)
    return (top + np.log(np.exp(exponents - top).sum(axis=-1, keepdims=True)))[..., 0]


def growth(counts: Numbers, m: float) -> float | None:
    """Log growth per replay of the best single bet: what each further replay like these is worth. None without any."""
    total = float(counts.sum())
    if total <= 0:
        return None
    used = np.flatnonzero(counts)
    return float((counts[used] @ log_growths(m, VALUES[used])).max() / total)


def lower_bound(counts: Numbers, chance: float) -> float:
    """The largest m with E(m) >= 1/chance, to 1e-6 and never above it: mean(d) lies above it but for ``chance``.

    -1.0 when there is too little evidence for any. In u = ln(1 + m), ln E is convex and falling, so Newton's steps
    from the left approach the crossing without passing it.
    """
    used = np.flatnonzero(counts)
    shifted, weights, wanted = 1.0 + VALUES[used], counts[used], -math.log(chance)
    u = math.log(_PRECISION)
    least: float | None = None
    for _ in range(_STEPS):
        excess, slope = _excess(shifted, weights, u, wanted)
        if excess < 0 or slope >= 0:
            break
        least, step = u, -excess / slope
        u = min(u + step, _TOP)
        if step < _PRECISION or least == _TOP:
            break
    return -1.0 if least is None else math.expm1(least)


def _excess(shifted: Numbers, weights: Numbers, u: float, wanted: float) -> tuple[float, float]:
    """ln E - wanted at m = e^u - 1, and its derivative by u; ``shifted`` holds 1 + d."""
    won = np.multiply.outer(shifted * math.exp(-u), FRACTIONS)
    wealth = won + (1.0 - FRACTIONS)
    exponents = weights @ np.log(wealth) + LOG_WEIGHTS
    top = exponents.max()
    shares = np.exp(exponents - top)
    total = float(shares.sum())
    slope = -float((weights @ (won / wealth)) @ shares) / total
    return float(top) + math.log(total) - wanted, slope


def lasting(counts: Numbers, m: float, chance: float) -> float | None:
    """The smallest share c in (0, 1] of every count's weight at which E(m) still reaches 1/chance; None below it at 1.

    E as a function of c is convex and 1 at c = 0, so it crosses 1/chance once. Found to 1e-7, never too small.
    """
    used = np.flatnonzero(counts)
    wanted = -math.log(chance)
    exponents = counts[used] @ log_growths(m, VALUES[used])

    def log_e(share: float) -> float:
        return float(np.logaddexp.reduce(exponents * share + LOG_WEIGHTS))

    if log_e(1.0) < wanted:
        return None
    low, high = 0.0, 1.0
    while high - low > 1e-7:
        middle = (low + high) / 2
        low, high = (low, middle) if log_e(middle) >= wanted else (middle, high)
    return high


def fewest_replays(margin: float, chance: float) -> int:
    """Replays needed when every difference is 0: ⌈ln(1/α) / -ln(1-δ)⌉, the least a flawless candidate can take."""
    return math.ceil(math.log(1 / chance) / -math.log(1 - margin))
