"""What time does: evidence that ages, a mean that falls, canaries that no longer agree, many cells at once."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from switchover.stats import bets
from switchover.stats.drift import Detector
from switchover.stats.many import discoveries

from .candidates import MARGIN, Array, odds, paired
from .rule import ALPHA, in_chunks, log_e

HALF_LIFE, A_DAY, DAYS = 30.0, 20, 120
CELLS, CELL_REPLAYS = 40, 400


def aged(candidate: float, runs: int, rng: np.random.Generator, days: int = DAYS) -> tuple[float, float]:
    """Twenty replays a day: how often READY on the last day, set beforehand, and how often on some day."""
    values = np.array([-1.0, 0.0, 1.0])
    table = bets.log_growths(-MARGIN, values)
    exponents, ever = np.zeros((runs, len(bets.FRACTIONS))), np.zeros(runs, dtype=bool)
    ready = ever
    for _ in range(days):
        counts = rng.multinomial(A_DAY, odds(candidate), size=runs)
        exponents = exponents * 2 ** (-1 / HALF_LIFE) + counts @ table
        ready = np.logaddexp.reduce(exponents + bets.LOG_WEIGHTS, axis=1) >= -math.log(ALPHA)
        ever = ever | ready
    return float(ready.mean()), float(ever.mean())


def alarms(draw: Callable[[int], Array], detector: Detector, runs: int, longest: int) -> Array:
    """Values until the detector alarms in each run; ``longest`` where it has not by then. ``draw`` makes one a run."""
    logs = np.zeros((runs, len(bets.FRACTIONS)))
    found = np.full(runs, float(longest))
    for place in range(1, longest):
        gain = (detector.most - draw(runs)) / (detector.most - detector.level) - 1.0
        wealth = logs + np.log1p(np.multiply.outer(gain, bets.FRACTIONS))
        alarmed = np.logaddexp.reduce(wealth + bets.LOG_WEIGHTS, axis=1) >= math.log(detector.threshold)
        found = np.where(alarmed & (found == longest), float(place), found)
        if (found < longest).all():
            break
        logs = np.logaddexp(wealth, 0.0)
    return found


def differences(candidate: float, seed: int) -> Callable[[int], Array]:
    """d of one replay in each run."""
    rng, chances = np.random.default_rng(seed), odds(candidate)
    return lambda runs: rng.choice([-1.0, 0.0, 1.0], size=runs, p=chances)


def agreements(share: float, seed: int) -> Callable[[int], Array]:
    """Whether one canary agrees in each run."""
    rng = np.random.default_rng(seed)
    return lambda runs: (rng.random(runs) < share).astype(np.float64)


def false_discoveries(runs: int, seed: int) -> float:
    """Mean share of false ones among the READY of forty cells, thirty of them 5 points worse, chosen by e-BH."""
    bad = CELLS * 3 // 4
    worse = in_chunks(paired(0.85), runs * bad, seed, _last, CELL_REPLAYS).reshape(runs, bad)
    equal = in_chunks(paired(0.90), runs * (CELLS - bad), seed + 1, _last, CELL_REPLAYS).reshape(runs, CELLS - bad)
    shares = []
    for logs in np.concatenate([worse, equal], axis=1):
        believed = discoveries({str(place): float(log) for place, log in enumerate(logs)}, ALPHA)
        shares.append(sum(int(name) < bad for name in believed) / max(len(believed), 1))
    return float(np.mean(shares))


def _last(d: Array) -> Array:
    return log_e(d, MARGIN)[:, -1]
