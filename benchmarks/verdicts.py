"""The verdict's simulations: what the chosen rule does on candidates whose true quality is known.

``make verdicts`` runs 4,000 of each and prints the table of ``specs/verdict.md``; ``make test`` runs 400. The rule is
the product's own: its bins, its bets, its thresholds; only the candidates are made up (baseline right 90 % of the time,
paired correlation .5).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from switchover.stats import bets
from switchover.stats.noninferiority import Ledger, Terms, weigh

Array = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int], Array]
Bin = Callable[[Array], npt.NDArray[np.int64]]

ALPHA, BETA, MARGIN, SLICE_MARGIN = 0.05, 0.20, 0.05, 0.10
HORIZON, CHUNK = 2_500, 50


def paired(candidate: float, baseline: float = 0.90, correlation: float = 0.5) -> Draw:
    """d of a candidate and a baseline that are right or wrong, often about the same cases."""
    spread = math.sqrt(candidate * (1 - candidate) * baseline * (1 - baseline))
    both = candidate * baseline + correlation * spread
    odds = [baseline - both, 1 - (candidate - both) - (baseline - both), candidate - both]
    return lambda rng, runs, n: rng.choice([-1.0, 0.0, 1.0], size=(runs, n), p=odds)


def rare_failures(rng: np.random.Generator, runs: int, n: int) -> Array:
    """As good as the baseline, but for 5 % of the cases, where it is wrong."""
    return np.where(rng.random((runs, n)) < MARGIN, -1.0, 0.0)


def between_bins(rng: np.random.Generator, runs: int, n: int) -> Array:
    """Five points worse, in steps finer than a bin: rounded to nearest, it would seem 4.5 points worse."""
    return np.where(rng.random((runs, n)) < 0.54, -0.0546, -0.0446)


def copies(rng: np.random.Generator, runs: int, n: int, *, handled: bool = True) -> Array:
    """Five points worse over copy groups of very different size; handled, each group is replayed once."""
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


def first_reached(d: Array, margin: float, chance: float, bin_of: Bin, mirrored: bool = False) -> Array:
    """Replays until E reaches 1/chance in each run, inf where it never does. NaN in ``d``: no more cases."""
    known = ~np.isnan(d)
    bins = np.where(known, bin_of(np.where(known, d, 0.0)), -1)
    used = np.unique(bins[known])
    counts = np.cumsum(bins[:, :, None] == used, axis=1, dtype=np.float64)
    values = -bets.VALUES[used] if mirrored else bets.VALUES[used]
    log_e = bets.log_evidence(counts, margin if mirrored else -margin, values)
    reached = log_e >= -math.log(chance)
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)


def to_ready(draw: Draw, runs: int, seed: int, margin: float = MARGIN, bin_of: Bin = bets.bin_down) -> Array:
    """Replays to READY in each run."""
    return _in_chunks(draw, runs, seed, lambda d: first_reached(d, margin, ALPHA, bin_of))


def to_not_ready(draw: Draw, runs: int, seed: int) -> Array:
    """Replays to NOT READY in each run."""
    return _in_chunks(draw, runs, seed, lambda d: first_reached(d, MARGIN, BETA, bets.bin_up, mirrored=True))


def peeked_wald(d: Array) -> Array:
    """What the rule is not: a Wald test at α, looked at after every replay from the 30th on."""
    n = np.arange(1, d.shape[1] + 1)
    mean = np.cumsum(d, axis=1) / n
    variance = np.maximum(np.cumsum(d * d, axis=1) / n - mean**2, 1e-12)
    reached = ((mean + MARGIN) / np.sqrt(variance / n) >= 1.645) & (n >= 30)
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)


def to_wald(draw: Draw, runs: int, seed: int) -> Array:
    """Replays until a peeked Wald test is satisfied."""
    return _in_chunks(draw, runs, seed, peeked_wald)


def _in_chunks(draw: Draw, runs: int, seed: int, judge: Callable[[Array], Array]) -> Array:
    rng = np.random.default_rng(seed)
    sizes = [min(CHUNK, runs - at) for at in range(0, runs, CHUNK)]
    return np.concatenate([judge(draw(rng, size, HORIZON)) for size in sizes])


def nearest(d: Array) -> npt.NDArray[np.int64]:
    """Rounding that the rule does not use."""
    return np.rint(d * 100).astype(np.int64) + 100


def may_hold(share: float, target: float, runs: int) -> bool:
    """True unless the one-sided 99 % Monte-Carlo interval excludes a share of at most ``target``."""
    return share - 2.326 * math.sqrt(target * (1 - target) / runs) <= target


def mean_may_hold(replays: Array, target: float) -> bool:
    """True unless the one-sided 99 % interval excludes a mean of at most ``target``; never reached is the horizon."""
    seen = np.minimum(replays, HORIZON)
    return bool(seen.mean() - 2.326 * seen.std() / math.sqrt(len(seen)) <= target)


NULLS: dict[str, Draw] = {
    "false READY at -5 points": paired(0.85),
    "false READY, rare failures": rare_failures,
    "false READY, between bins": between_bins,
    "false READY, copies handled": copies,
}


@dataclass(frozen=True)
class Line:
    """A row of the table."""

    name: str
    measured: float
    target: float
    holds: bool
    unit: str = "replays"

    def __str__(self) -> str:
        shape = "{:>8.2%} {:>8.0%}" if self.unit == "share" else "{:>8.1f} {:>8.0f}"
        if self.unit == "ms":
            shape = "{:>6.3f}ms {:>6.1f}ms"
        return f"{self.name:<52}" + shape.format(self.measured, self.target) + ("" if self.holds else "   MISSED")


def nulls(runs: int, seed: int) -> list[Line]:
    """False READY where the candidate is as much worse as the margin forbids."""
    shares = {name: float(np.isfinite(to_ready(draw, runs, seed)).mean()) for name, draw in NULLS.items()}
    return [Line(name, share, ALPHA, may_hold(share, ALPHA, runs), "share") for name, share in shares.items()]


def alternatives(runs: int, seed: int) -> list[Line]:
    """Replays that candidates of known quality take."""
    equal = to_ready(paired(0.90), runs, seed)
    means = {
        "replays to READY, equal: mean": (equal, 330.0),
        "replays to READY, flawless": (to_ready(lambda _, r, n: np.zeros((r, n)), 1, seed), 80.0),
        "replays to READY, +2 points: mean": (to_ready(paired(0.92), runs, seed), 165.0),
        "replays to NOT READY at -10 points: mean": (to_not_ready(paired(0.80), runs, seed), 200.0),
        "critical slice at margin .10, equal: mean": (to_ready(paired(0.90), runs, seed, SLICE_MARGIN), 90.0),
    }
    lines = [
        Line(name, float(np.minimum(replays, HORIZON).mean()), target, mean_may_hold(replays, target))
        for name, (replays, target) in means.items()
    ]
    late = float((equal > 825).mean())
    p95 = float(np.quantile(np.minimum(equal, HORIZON), 0.95))
    return [lines[0], Line("replays to READY, equal: p95", p95, 825.0, may_hold(late, 0.05, runs)), *lines[1:]]


def cpu_per_replay(seed: int, replays: int = 1_000) -> Line:
    """CPU of one update with both bounds, worst of a label's three values and scores that fill every bin."""
    rng, worst = np.random.default_rng(seed), 0.0
    for differences in (paired(0.90)(rng, 1, replays)[0], rng.uniform(-1, 1, replays)):
        ledger = Ledger()
        begun = time.process_time()
        for place, d in enumerate(differences):
            ledger = ledger.add(place * 3_000.0, float(d))
            weigh(ledger, place * 3_000.0, Terms())
        worst = max(worst, (time.process_time() - begun) / replays * 1_000)
    return Line("CPU per replay, update and both bounds", worst, 1.0, worst <= 1.0, "ms")


def rejected_rules(runs: int, seed: int) -> list[Line]:
    """What the rule was chosen over, so that the table is seen to tell the difference."""
    wrong = {
        "(rounding to nearest, between bins)": to_ready(between_bins, runs, seed, bin_of=nearest),
        "(Wald test peeked at every replay, -5 points)": to_wald(paired(0.85), runs, seed),
        "(copies replayed as independent)": to_ready(lambda g, r, n: copies(g, r, n, handled=False), runs, seed),
    }
    shares = {name: float(np.isfinite(replays).mean()) for name, replays in wrong.items()}
    return [Line(name, share, ALPHA, may_hold(share, ALPHA, runs), "share") for name, share in shares.items()]


def main() -> int:
    """Prints the table; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{options.runs:,} seeded runs{'':<37}measured   target")
    lines = [
        *nulls(options.runs, options.seed),
        *alternatives(options.runs, options.seed),
        cpu_per_replay(options.seed),
    ]
    for line in lines:
        print(line)
    print("\nRules it was chosen over (expected to miss):")
    for line in rejected_rules(min(options.runs, 400), options.seed):
        print(line)
    return 0 if all(line.holds for line in lines) else 1


if __name__ == "__main__":
    raise SystemExit(main())
