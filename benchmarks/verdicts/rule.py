"""The product's own rule, many runs at once: its bins, its bets, its thresholds."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from switchover.stats import bets

from .candidates import MARGIN, Array, Draw

ALPHA, BETA, SLICE_MARGIN = 0.05, 0.20, 0.10
HORIZON, CHUNK, SOON = 2_500, 100, 400

Bin = Callable[[Array, float], npt.NDArray[np.int64]]


def log_e(d: Array, margin: float, *, bin_of: Bin = bets.bin_down, mirrored: bool = False, reach: float = 1.0) -> Array:
    """ln E after each replay; shape as ``d``, (runs, n). NaN in ``d``, no more cases, leaves it as it was."""
    known = ~np.isnan(d)
    bins = bin_of(np.where(known, d, 0.0), reach)
    used, place = np.unique(bins, return_inverse=True)
    values = bets.values_of(reach)[used]
    table = bets.log_growths(margin if mirrored else -margin, -values if mirrored else values, reach)
    # Bets last, once for all of them: the numbers are many, and each is touched as seldom as can be.
    grown = np.where(known[..., None], table[place.reshape(d.shape)], 0.0)
    np.cumsum(grown, axis=1, out=grown)
    grown += bets.LOG_WEIGHTS
    top = grown.max(axis=2)
    grown -= top[..., None]
    np.exp(grown, out=grown)
    return np.asarray(top + np.log(grown.sum(axis=2)))


def first(reached: npt.NDArray[np.bool_]) -> Array:
    """The place, from 1, of the first True of each row; inf where there is none."""
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)


def soonest(d: Array, judge: Callable[[Array], Array]) -> Array:
    """What ``judge`` says of each run, asked of all the cases only where the first ones did not settle it."""
    found = judge(d[:, :SOON])
    late = np.isinf(found)
    if late.any() and d.shape[1] > SOON:
        found[late] = judge(d[late])
    return found


def in_chunks(draw: Draw, runs: int, seed: int, judge: Callable[[Array], Array], horizon: int = HORIZON) -> Array:
    """What ``judge`` makes of each run."""
    rng = np.random.default_rng(seed)
    sizes = [min(CHUNK, runs - at) for at in range(0, runs, CHUNK)]
    return np.concatenate([judge(draw(rng, size, horizon)) for size in sizes])


def to_ready(
    draw: Draw,
    runs: int,
    seed: int,
    margin: float = MARGIN,
    *,
    bin_of: Bin = bets.bin_down,
    reach: float = 1.0,
    horizon: int = HORIZON,
) -> Array:
    """Replays to READY in each run, looked at after every one; inf where there is none."""

    def judge(d: Array) -> Array:
        return first(log_e(d, margin, bin_of=bin_of, reach=reach) >= -math.log(ALPHA))

    return in_chunks(draw, runs, seed, lambda d: soonest(d, judge), horizon)


def to_not_ready(draw: Draw, runs: int, seed: int) -> Array:
    """Replays to NOT READY in each run."""

    def judge(d: Array) -> Array:
        return first(log_e(d, MARGIN, bin_of=bets.bin_up, mirrored=True) >= -math.log(BETA))

    return in_chunks(draw, runs, seed, lambda d: soonest(d, judge))


def nearest(d: Array, reach: float = 1.0) -> npt.NDArray[np.int64]:
    """Rounding that the rule does not use."""
    return np.rint(d * 100).astype(np.int64) + len(bets.values_of(reach)) // 2
