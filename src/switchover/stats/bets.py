"""A mixture of coin bets on the mean of bounded differences: evidence that holds at every look.

For differences d in [-1, 1] and the hypothesis mean(d) <= m,

    E(m) = Σⱼ wⱼ Πᵢ (1 + λⱼ (dᵢ - m)),   λⱼ = fⱼ / (1 + m)

is a product of non-negative bets that are fair or losing while the hypothesis is true, so that E reaches 1/α at any
moment with chance at most α (Ville). Source: Waudby-Smith & Ramdas, arXiv 2010.09686; optimality arXiv 2412.02640.

Evidence is kept as counts over hundredths, d rounded **down** for READY and **up** for NOT READY, so that rounding only
ever costs evidence: 201 values for differences in [-1, 1]. Values of another range [-R, R] (rectified ones) have R as
their ``reach``, bins of the same width and bets scaled to it, λⱼ = fⱼ / (R + m). A reach between two hundredths counts
as the next one, as its outermost values are rounded so far. Everything is computed in log space.
"""

from __future__ import annotations

import functools
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


@functools.cache
def values_of(reach: float) -> Numbers:
    """The hundredths of [-reach, reach], an odd number of them."""
    most = _most(reach)
    return VALUES if most == 100 else np.asarray(np.arange(-most, most + 1) / 100.0)


def bin_down(differences: npt.ArrayLike, reach: float = 1.0) -> npt.NDArray[np.int64]:
    """Bins (0–200 at reach 1) of differences in [-reach, reach], rounded down. Raises ValueError outside that range."""
    return np.floor(_hundredths(differences, reach) + _NOISE).astype(np.int64) + _most(reach)


def bin_up(differences: npt.ArrayLike, reach: float = 1.0) -> npt.NDArray[np.int64]:
    """Bins (0–200 at reach 1) of differences in [-reach, reach], rounded up. Raises ValueError outside that range."""
    return np.ceil(_hundredths(differences, reach) - _NOISE).astype(np.int64) + _most(reach)


def _most(reach: float) -> int:
    return math.ceil(reach * 100 - _NOISE)


def _range(reach: float) -> float:
    """R, the reach in whole hundredths."""
    return _most(reach) / 100.0


def _hundredths(differences: npt.ArrayLike, reach: float) -> Numbers:
    d = np.asarray(differences, dtype=np.float64)
    if not bool(np.all(np.abs(d) <= reach + _NOISE)):
        raise ValueError(f"a difference lies outside [-{reach:g}, {reach:g}]")
    return np.asarray(np.clip(d, -reach, reach) * 100.0)


def log_growths(margin_mean: float, values: Numbers = VALUES, reach: float = 1.0) -> Numbers:
    """ln(1 + λⱼ (d - m)), shape (values, bets); ``margin_mean`` is m in (-reach, reach)."""
    most = _range(reach)
    gain = (most + values) / (most + margin_mean) - 1.0
    return np.asarray(np.log1p(np.multiply.outer(gain, FRACTIONS)))


@functools.lru_cache(maxsize=64)
def _table(margin_mean: float, reach: float) -> Numbers:
    """:func:`log_growths` of every bin; margins are few, and replays many."""
    table = log_growths(margin_mean, values_of(reach), reach)
    table.setflags(write=False)
    return table


def log_e(counts: Numbers, m: float, reach: float = 1.0) -> float:
    """ln E(m) of counts over every bin, shape (bins,): :func:`log_evidence` for one ledger."""
    return _log_sum(counts @ _table(m, reach) + LOG_WEIGHTS)


def _log_sum(exponents: Numbers) -> float:
    top = float(exponents.max())
    return top + math.log(float(np.exp(exponents - top).sum()))


def log_evidence(counts: npt.NDArray[Any], m: float, values: Numbers = VALUES, reach: float = 1.0) -> Any:
    """ln E(m) against mean(d) <= m.

    ``counts`` has shape (..., len(values)): how often each value occurred, or the aged weight of those occurrences.
    Returns shape (...).
    """
    exponents = counts @ log_growths(m, values, reach) + LOG_WEIGHTS
    top = exponents.max(axis=-1, keepdims=True)
    return (top + np.log(np.exp(exponents - top).sum(axis=-1, keepdims=True)))[..., 0]


def growth(counts: Numbers, m: float, reach: float = 1.0) -> float | None:
    """Log growth per replay of the best single bet: what each further replay like these is worth. None without any."""
    total = float(counts.sum())
    return float((counts @ _table(m, reach)).max() / total) if total > 0 else None


def lower_bound(counts: Numbers, chance: float, reach: float = 1.0) -> float:
    """The largest m with E(m) >= 1/chance, to 1e-6 of R + m and never above: mean(d) lies above it but for ``chance``.

    -reach when there is too little evidence for any. In u = ln(R + m), ln E is convex and falling, so that a step
    of Newton's from anywhere ends left of the crossing, and those that follow approach it without passing it.
    """
    used = np.flatnonzero(counts)
    if not len(used):
        return -reach
    most = _range(reach)
    shifted, weights, wanted = most + values_of(reach)[used], counts[used], -math.log(chance)
    lowest, top = math.log(_PRECISION), math.log(2.0 * most - _PRECISION)
    u = min(max(_guess(shifted, weights, wanted), lowest), top)
    least: float | None = None
    for _ in range(_STEPS):
        excess, slope = _excess(shifted, weights, u, wanted)
        if slope >= 0:
            break
        if excess >= 0:
            least = u
        elif u == lowest:
            break
        before, u = u, min(max(u - excess / slope, lowest), top)
        if least is not None and (u - before < _PRECISION or least == top):
            break
    return -reach if least is None else max(math.exp(least) - most, -reach)


def _guess(shifted: Numbers, weights: Numbers, wanted: float) -> float:
    """About where the crossing lies, as a normal mean would have it: saves half the steps."""
    total = float(weights.sum())
    mean = float(weights @ shifted) / total
    spread = float(weights @ (shifted - mean) ** 2) / total
    return math.log(max(mean - math.sqrt(2.0 * spread * wanted / total) - wanted / total, _PRECISION))


def _excess(shifted: Numbers, weights: Numbers, u: float, wanted: float) -> tuple[float, float]:
    """ln E - wanted at m = e^u - R, and its derivative by u; ``shifted`` holds R + d."""
    won = np.multiply.outer(shifted * math.exp(-u), FRACTIONS)
    wealth = won + (1.0 - FRACTIONS)
    exponents = weights @ np.log(wealth) + LOG_WEIGHTS
    top = exponents.max()
    shares = np.exp(exponents - top)
    total = float(shares.sum())
    slope = -float((weights @ (won / wealth)) @ shares) / total
    return float(top) + math.log(total) - wanted, slope


def lasting(counts: Numbers, m: float, chance: float, reach: float = 1.0) -> float | None:
    """The smallest share c in (0, 1] of every count's weight at which E(m) still reaches 1/chance; None below it at 1.

    E as a function of c is convex and 1 at c = 0, so it crosses 1/chance once. Found to 1e-7, never too small.
    """
    wanted = -math.log(chance)
    exponents = counts @ _table(m, reach)
    if _log_sum(exponents + LOG_WEIGHTS) < wanted:
        return None
    low, high = 0.0, 1.0
    while high - low > 1e-7:
        middle = (low + high) / 2
        enough = _log_sum(exponents * middle + LOG_WEIGHTS) >= wanted
        low, high = (low, middle) if enough else (middle, high)
    return high


def fewest_replays(margin: float, chance: float) -> int:
    """Replays needed when every difference is 0: ⌈ln(1/α) / -ln(1-δ)⌉, the least a flawless candidate can take."""
    return math.ceil(math.log(1 / chance) / -math.log(1 - margin))


def flawless_replays(margin: float, chance: float, reach: float = 1.0) -> int:
    """Replays at which these bets reach 1/chance when every difference is 0: what spreading them costs is in it."""
    wins = log_growths(-margin, np.zeros(1), reach)[0]
    wanted = -math.log(chance)
    replays = math.ceil(wanted / float(wins.max()))
    while _log_sum(replays * wins + LOG_WEIGHTS) < wanted:
        replays += 1
    return replays
