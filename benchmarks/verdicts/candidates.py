"""Candidates whose true quality is known: the baseline is right on 90 %, paired correlation .5."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int], Array]

MARGIN = 0.05


def odds(candidate: float, baseline: float = 0.90, correlation: float = 0.5) -> list[float]:
    """Chances of d = -1, 0 and 1 for a candidate and a baseline that are right or wrong, often about the same cases."""
    spread = math.sqrt(candidate * (1 - candidate) * baseline * (1 - baseline))
    both = candidate * baseline + correlation * spread
    return [baseline - both, 1 - (candidate - both) - (baseline - both), candidate - both]


def paired(candidate: float) -> Draw:
    """d of a candidate that is right on so many; shape (runs, n)."""
    chances = odds(candidate)
    return lambda rng, runs, n: rng.choice([-1.0, 0.0, 1.0], size=(runs, n), p=chances)


def flawless(_: np.random.Generator, runs: int, n: int) -> Array:
    """Never behind and never ahead."""
    return np.zeros((runs, n))


def rare_failures(rng: np.random.Generator, runs: int, n: int) -> Array:
    """As good as the baseline, but for 5 % of the cases, where it is wrong."""
    return np.where(rng.random((runs, n)) < MARGIN, -1.0, 0.0)


def between_bins(rng: np.random.Generator, runs: int, n: int) -> Array:
    """Five points worse, in steps finer than a bin: rounded to nearest, it would seem 4.5 points worse."""
    return np.where(rng.random((runs, n)) < 0.54, -0.0546, -0.0446)


def copies(rng: np.random.Generator, runs: int, n: int, *, handled: bool = True) -> Array:
    """Five points worse over copy groups of very different size; handled, each is replayed once. NaN: none left."""
    weights = 1.0 / np.arange(1, 1_001) ** 0.9
    found = np.zeros((runs, n))
    for run in range(runs):
        outcomes = paired(0.85)(rng, 1, len(weights))[0]
        groups = rng.choice(len(weights), size=n, p=weights / weights.sum())
        if handled:
            _, first = np.unique(groups, return_index=True)
            groups = groups[np.sort(first)]
        found[run, : len(groups)] = outcomes[groups]
        found[run, len(groups) :] = np.nan
    return found


def unhandled_copies(rng: np.random.Generator, runs: int, n: int) -> Array:
    """The same with every copy replayed as if it were a case of its own."""
    return copies(rng, runs, n, handled=False)


NATURAL, DRAWN = 0.10, 0.30  # a critical slice's share of the traffic, and of the replays


def oversampled(rng: np.random.Generator, runs: int, n: int, *, thinned: bool = True) -> Array:
    """Five points worse over all, equal in a critical slice that makes up 30 % of the replays and 10 % of the traffic.

    ``thinned``: the overall ledger counts the slice at its share of the traffic.
    """
    share = NATURAL if thinned else DRAWN
    elsewhere = paired(0.90 - MARGIN / (1 - NATURAL))(rng, runs, n)
    return np.where(rng.random((runs, n)) < share, paired(0.90)(rng, runs, n), elsewhere)


def unthinned(rng: np.random.Generator, runs: int, n: int) -> Array:
    """The same with the slice counted as often as it is drawn."""
    return oversampled(rng, runs, n, thinned=False)


VARIANTS, CHOSEN_ON = 20, 400


def best_of_many(rng: np.random.Generator, runs: int, n: int, *, held_out: bool = True) -> Array:
    """The best of twenty variants, all of them five points worse, by its mean over 400 cases it is chosen on.

    ``held_out``: the verdict is on other cases; else on those very 400, in any order. NaN: none left.
    """
    found = np.full((runs, n), np.nan)
    for run in range(runs):
        tried = paired(0.85)(rng, VARIANTS, CHOSEN_ON)
        best = tried[tried.mean(axis=1).argmax()]
        if held_out:
            found[run] = paired(0.85)(rng, 1, n)[0]
        else:
            found[run, :CHOSEN_ON] = rng.permutation(best)[:n]
    return found


def chosen_on_the_same(rng: np.random.Generator, runs: int, n: int) -> Array:
    """The same, judged on the cases that it was chosen on."""
    return best_of_many(rng, runs, n, held_out=False)
