"""Is a candidate at most a margin worse? A ledger of differences by day, and what it says today.

A ledger is a value: adding returns another. Ages are whole UTC days, counted from the start of a case's day to the
start of the day of judging, so that a judgement does not depend on the hour; a case of age a days weighs
2^(-a/half-life). Powers up to 1 of fair bets stay fair, so that what an aged ledger says holds at a moment that was
not chosen from its data (``specs/verdict.md``, Ageing).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from . import bets

DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """``margin`` is the loss accepted, ``alpha`` and ``beta`` the chances of a false READY and a false NOT READY.

    ``half_life`` is in days.
    """

    margin: float = 0.05
    alpha: float = 0.05
    beta: float = 0.20
    half_life: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What a ledger says: ``lower`` and ``upper`` bound mean(d) at chances alpha and beta.

    ``passes`` and ``fails`` are what its aged cases show, ``passes_unaged`` what they would at their full weight.
    ``good_until`` is the Unix moment at which the evidence for READY fades below 1/alpha, None when it is below it.
    ``still_needed`` estimates further replays to READY, None where it can't be estimated.
    """

    replays: int
    margin: float
    mean: float | None
    lower: float
    upper: float
    log_e_ready: float
    log_e_not_ready: float
    passes: bool
    fails: bool
    passes_unaged: bool
    good_until: float | None
    still_needed: int | None


@dataclass(frozen=True, slots=True)
class Ledger:
    """Histograms of d by UTC day: ``down`` and ``up`` have shape (days, bins), 201 bins for values in [-1, 1].

    Rectified values lie in [-reach, reach].
    """

    days: tuple[int, ...] = ()
    down: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, bets.BINS), dtype=np.int64))
    up: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, bets.BINS), dtype=np.int64))
    total: float = 0.0
    reach: float = 1.0

    @classmethod
    def empty(cls, reach: float = 1.0) -> Ledger:
        """Without cases, for values in [-reach, reach]."""
        none = np.zeros((0, len(bets.values_of(reach))), dtype=np.int64)
        return cls((), none, none, 0.0, reach)

    @property
    def replays(self) -> int:
        """Cases added so far."""
        return int(self.down.sum())

    def add(self, at: float, difference: float) -> Ledger:
        """With one more case: ``at`` in Unix seconds, ``difference`` in [-reach, reach]."""
        low, high = int(bets.bin_down(difference, self.reach)), int(bets.bin_up(difference, self.reach))
        day = math.floor(at / DAY)
        days, down, up = self.days, self.down, self.up
        if day not in days:
            days = (*days, day)
            empty = np.zeros((1, down.shape[1]), dtype=np.int64)
            down, up = np.concatenate([down, empty]), np.concatenate([up, empty])
        else:
            down, up = down.copy(), up.copy()
        row = days.index(day)
        down[row, low] += 1
        up[row, high] += 1
        return Ledger(days, down, up, self.total + difference, self.reach)

    @classmethod
    def of(cls, cases: Iterable[tuple[float, float]], reach: float = 1.0) -> Ledger:
        """From (moment, difference) pairs, in any order."""
        found = sorted(cases)
        if not found:
            return cls.empty(reach)
        moments, differences = (np.array(column, dtype=np.float64) for column in zip(*found, strict=True))
        days, rows = np.unique(np.floor(moments / DAY).astype(np.int64), return_inverse=True)
        down = np.zeros((len(days), len(bets.values_of(reach))), dtype=np.int64)
        up = np.zeros_like(down)
        np.add.at(down, (rows, bets.bin_down(differences, reach)), 1)
        np.add.at(up, (rows, bets.bin_up(differences, reach)), 1)
        return cls(tuple(int(day) for day in days), down, up, math.fsum(differences), reach)

    def weights(self, now: float, half_life: float) -> tuple[bets.Numbers, bets.Numbers]:
        """Aged counts, rounded down and mirrored from rounded up: two arrays of shape (bins,)."""
        today = math.floor(now / DAY)
        age = np.maximum(today - np.array(self.days, dtype=np.float64), 0.0)
        weight = np.exp2(-age / half_life)
        return np.asarray(weight @ self.down, dtype=np.float64), np.asarray(weight @ self.up, dtype=np.float64)[::-1]


def weigh(ledger: Ledger, now: float, terms: Terms) -> Weighed:
    """What the ledger says at ``now`` (Unix seconds) under the terms."""
    ready, mirrored = ledger.weights(now, terms.half_life)
    unaged = ledger.down.sum(axis=0, dtype=np.float64)
    return weigh_counts(ready, mirrored, unaged, ledger.replays, ledger.total, now, terms, ledger.reach)


def weigh_counts(
    ready: bets.Numbers,
    mirrored: bets.Numbers,
    unaged: bets.Numbers,
    n: int,
    total: float,
    now: float,
    terms: Terms,
    reach: float = 1.0,
) -> Weighed:
    """What ``n`` cases say whose differences come to ``total``.

    ``ready`` and ``mirrored`` are their aged counts, ``unaged`` those that ``ready`` began as.
    """
    wanted = -math.log(terms.alpha)
    log_ready = bets.log_e(ready, -terms.margin, reach)
    log_not = bets.log_e(mirrored, terms.margin, reach)
    return Weighed(
        replays=n,
        margin=terms.margin,
        mean=total / n if n else None,
        # Whatever single rectified values may be: their mean is one of differences.
        lower=max(bets.lower_bound(ready, terms.alpha, reach), -1.0),
        upper=min(-bets.lower_bound(mirrored, terms.beta, reach), 1.0),
        log_e_ready=log_ready,
        log_e_not_ready=log_not,
        passes=log_ready >= wanted,
        fails=log_not >= -math.log(terms.beta),
        passes_unaged=log_ready >= wanted or bets.log_e(unaged, -terms.margin, reach) >= wanted,
        good_until=_good_until(ready, now, terms, reach),
        still_needed=_still_needed(ready, log_ready, terms, reach),
    )


def _good_until(ready: bets.Numbers, now: float, terms: Terms, reach: float) -> float | None:
    """The start of the first day on which the evidence has faded, should nothing be added."""
    share = bets.lasting(ready, -terms.margin, terms.alpha, reach)
    if share is None:
        return None
    days = math.floor(-math.log2(share) * terms.half_life + 1e-9)
    return (math.floor(now / DAY) + days + 1) * DAY


def _still_needed(ready: bets.Numbers, log_e: float, terms: Terms, reach: float) -> int | None:
    """(ln 1/α - ln E) / g with g the log growth per replay; None while replays gain nothing."""
    missing = -math.log(terms.alpha) - log_e
    if missing <= 0:
        return 0
    gain = bets.growth(ready, -terms.margin, reach)
    return math.ceil(missing / gain) if gain is not None and gain > 0 else None
