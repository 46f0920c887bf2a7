"""A judge that favours the candidate, alone and set right by people."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from switchover.stats.rectify import reach

from .candidates import Array, odds
from .rule import ALPHA, first, log_e, soonest

SHARE = 0.5
DIFFERENT = 0.40  # cases in which the two answers are not the same word by word; the others are d = 0 for free
HORIZON = 4_000

# What the judge says of a case in which people see d, with a number drawn for it.
Judge = Callable[[Array, Array], Array]


def forgiving(seen: Array, drawn: Array) -> Array:
    """Overlooks nine failures in ten."""
    return np.where((seen < 0) & (drawn < 0.9), 0.0, seen)


def lenient(seen: Array, _: Array) -> Array:
    """Gives the candidate three tenths of the scale more, wherever it can."""
    return np.minimum(seen + 0.3, 1.0)


def smitten(seen: Array, _: Array) -> Array:
    """Prefers the candidate whatever it says."""
    return np.ones_like(seen)


JUDGES: dict[str, Judge] = {"overlooks 9 failures in 10": forgiving, "+.3": lenient, "always +1": smitten}


def cases(judge: Judge, candidate: float, rng: np.random.Generator, runs: int, n: int) -> tuple[Array, Array, Array]:
    """d as the judge has it, r with labels of half the cases, and whether a case was labelled; each (runs, n)."""
    chances = odds(candidate)
    seen = rng.choice([-1.0, 0.0, 1.0], size=(runs, n), p=chances)
    alike = chances[1] + DIFFERENT - 1.0
    differ = (seen != 0) | (rng.random((runs, n)) < alike / chances[1])
    judged = np.where(differ, judge(seen, rng.random((runs, n))), 0.0)
    labelled = differ & (rng.random((runs, n)) < SHARE)
    return judged, np.where(labelled, judged + (seen - judged) / SHARE, judged), labelled


def judge_alone(judge: Judge, candidate: float, runs: int, seed: int, margin: float) -> float:
    """How often the judge's own scores say READY."""
    rng = np.random.default_rng(seed)
    judged, _, _ = cases(judge, candidate, rng, runs, 1_000)
    return float((log_e(judged, margin).max(axis=1) >= -np.log(ALPHA)).mean())


def rectified(
    judge: Judge, candidate: float, runs: int, seed: int, margin: float, horizon: int = HORIZON
) -> tuple[Array, Array]:
    """Replays to READY with people's labels (inf: never), and how many labels that took, in each run."""

    def judged_ready(r: Array) -> Array:
        return first(log_e(r, margin, reach=reach(SHARE)) >= -np.log(ALPHA))

    rng = np.random.default_rng(seed)
    replays, labels = [], []
    for at in range(0, runs, 50):
        _, r, labelled = cases(judge, candidate, rng, min(50, runs - at), horizon)
        reached = soonest(r, judged_ready)
        last = np.minimum(reached, horizon).astype(np.int64) - 1
        replays.append(reached)
        labels.append(np.cumsum(labelled, axis=1)[np.arange(len(last)), last].astype(np.float64))
    return np.concatenate(replays), np.concatenate(labels)
