"""A kind of request that nobody declared, bad and hidden in a good average: how soon it is found.

``python benchmarks/found_slices.py`` prints the table of ``docs/design/found-slices.md``, 2,000 runs each. The bets and
thresholds are the product's own; topics are drawn with each case. Baseline right 90 % of the time, correlation .5.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from switchover.stats import bets
from switchover.trial.coverage import FEWEST_PER_TOPIC
from switchover.trial.decide import STANDS_DAYS, SUSPECTED, found_at

Array = npt.NDArray[np.float64]

ALPHA, BETA, MARGIN, SLICE_MARGIN = 0.05, 0.20, 0.05, 0.10
HALF_LIFE = 30.0
TOPICS, REPLAYS = 24, 1_500
BASELINE, CORRELATION = 0.90, 0.5
NEVER = np.inf


@dataclass(frozen=True)
class Found:
    """Of many runs: share in which a topic was found, replays until then, and rehearsals that ended READY before.

    ``unheld``: that would have, were no topic suspected. ``delayed``: replays more until READY, on the mean.
    """

    found: float
    mean: float
    p95: float
    ready_first: float
    unheld: float
    delayed: float

    def __str__(self) -> str:
        """One line of the table."""
        return (
            f"found in {self.found:6.1%}, after {self.mean:4.0f} replays (p95 {self.p95:4.0f}); ended READY before "
            f"{self.ready_first:6.1%}, unheld {self.unheld:6.1%}; READY later by {self.delayed:4.1f}"
        )


def run(quality: Sequence[float], shares: Sequence[float], runs: int, seed: int) -> Found:
    """Candidates that are right on each topic as often as ``quality`` says; ``shares`` of the traffic are the topics'.

    What is found counts until READY is said, or 1,500 replays.
    """
    rng = np.random.default_rng(seed)
    seen = [_one(np.asarray(quality), np.asarray(shares), rng) for _ in range(runs)]
    found, ready, unheld = (np.array(column) for column in zip(*seen, strict=True))
    before = found <= ready
    both = np.isfinite(ready) & np.isfinite(unheld)
    when = found[before & np.isfinite(found)]
    return Found(
        found=len(when) / runs,
        mean=float(when.mean()) if len(when) else math.nan,
        p95=float(np.quantile(when, 0.95)) if len(when) else math.nan,
        ready_first=float((ready < found).mean()),
        unheld=float((unheld < found).mean()),
        delayed=float((ready[both] - unheld[both]).mean()) if both.any() else math.nan,
    )


def _one(quality: Array, shares: Array, rng: np.random.Generator) -> tuple[float, float, float]:
    """Replays until a topic is found, until READY, and until READY were no topic suspected."""
    topics = rng.choice(len(shares), size=REPLAYS, p=shares)
    d = _differences(quality[topics], rng)
    # A rehearsal ends once its proof would stand for a week: with all evidence a week older.
    ready = _evidence(d, -MARGIN, 2 ** (-STANDS_DAYS / HALF_LIFE)) >= -math.log(ALPHA)
    found = NEVER
    suspected = np.zeros(REPLAYS, dtype=bool)
    for topic in range(len(shares)):
        places = np.flatnonzero(topics == topic)
        against = _evidence(-d[places], SLICE_MARGIN)
        against[: FEWEST_PER_TOPIC - 1] = -np.inf
        over = np.flatnonzero(against >= found_at(BETA, len(shares)))
        if len(over):
            found = min(found, float(places[over[0]] + 1))
        # What is known after a case of the topic stays so until its next one.
        last = np.searchsorted(places, np.arange(REPLAYS), side="right") - 1
        known = np.where(last >= 0, against[np.maximum(last, 0)], -np.inf) if len(places) else np.full(REPLAYS, -np.inf)
        suspected |= known >= SUSPECTED
    return found, _first(ready & ~suspected), _first(ready)


def _differences(right: Array, rng: np.random.Generator) -> Array:
    """d of cases on which the candidate is right with these chances."""
    spread = np.sqrt(right * (1 - right) * BASELINE * (1 - BASELINE))
    both = np.clip(
        right * BASELINE + CORRELATION * spread, np.maximum(right + BASELINE - 1, 0), np.minimum(right, BASELINE)
    )
    drawn = rng.random(len(right))
    return np.where(drawn < BASELINE - both, -1.0, np.where(drawn < BASELINE - both + right - both, 1.0, 0.0))


def _evidence(d: Array, m: float, weight: float = 1.0) -> Array:
    """ln E against mean(d) <= m after each case, each of this weight."""
    grown = weight * np.cumsum(bets.log_growths(m, d), axis=0) + bets.LOG_WEIGHTS
    return np.asarray(np.logaddexp.reduce(grown, axis=1))


def _first(holds: npt.NDArray[np.bool_]) -> float:
    places = np.flatnonzero(holds)
    return float(places[0] + 1) if len(places) else NEVER


def even(worst: float, share: float) -> list[float]:
    """Shares of the traffic: ``share`` for the first topic, the rest alike. ``worst`` is not looked at."""
    return [share, *[(1 - share) / (TOPICS - 1)] * (TOPICS - 1)]


def hidden(loss: float, share: float, average: float) -> list[float]:
    """Chances to be right: the first topic loses ``loss``, the rest so little that ``average`` is the mean of d."""
    rest = BASELINE + (average + loss * share) / (1 - share)
    return [BASELINE - loss, *[rest] * (TOPICS - 1)]


CASES = {
    "10 % of the traffic at -40 points, average -2": (hidden(0.40, 0.10, -0.02), even(0.4, 0.10)),
    "10 % at -40, average 0": (hidden(0.40, 0.10, 0.0), even(0.4, 0.10)),
    "5 % at -60, average -2": (hidden(0.60, 0.05, -0.02), even(0.6, 0.05)),
    "10 % at -20, average 0": (hidden(0.20, 0.10, 0.0), even(0.2, 0.10)),
    "equal everywhere": ([BASELINE] * TOPICS, even(0.0, 1 / TOPICS)),
    "every topic at its margin, -10": ([BASELINE - SLICE_MARGIN] * TOPICS, even(0.1, 1 / TOPICS)),
}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    for name, (quality, shares) in CASES.items():
        print(f"{name:46s} {run(quality, shares, asked.runs, asked.seed)}", flush=True)


if __name__ == "__main__":
    main()
