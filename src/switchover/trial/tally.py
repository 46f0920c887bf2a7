"""One ledger's differences, added one by one: a look costs the same however many there are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from switchover.stats import bets
from switchover.stats.noninferiority import DAY, Terms, Weighed, weigh_counts

_DAYS = 8
_UNIT = 2.0**80


def exactly(value: float) -> int:
    """The value as a whole number of 2^-80ths: sums of such do not depend on the order, and what is taken out is gone.

    What a float has below that is left out.
    """
    return int(value * _UNIT)


def mean_of(total: int, many: int) -> float | None:
    """The mean of ``many`` values whose sum is ``total``, as :func:`exactly` has it; None without any."""
    return total / int(_UNIT) / many if many else None


@dataclass(frozen=True, slots=True)
class Entry:
    """A difference at a UTC day, with its bins: rounded once, added to each ledger that it belongs to."""

    day: int
    low: int
    high: int
    difference: float

    @classmethod
    def of(cls, at: float, difference: float, reach: float = 1.0) -> Entry:
        """``at`` in Unix seconds, ``difference`` in [-reach, reach]; raises ValueError outside that range."""
        low, high = int(bets.bin_down(difference, reach)), int(bets.bin_up(difference, reach))
        return cls(math.floor(at / DAY), low, high, difference)


class Tally:
    """Histograms by day, as a :class:`~switchover.stats.noninferiority.Ledger` of the same cases holds them.

    What it says is kept until another case comes or another day begins.
    """

    def __init__(self, reach: float = 1.0) -> None:
        self.reach, self.replays, self._total = reach, 0, 0
        self._rows: dict[int, int] = {}
        self._down = np.zeros((_DAYS, len(bets.values_of(reach))), dtype=np.int64)
        self._up = np.zeros_like(self._down)
        self._aged: tuple[tuple[int, float], bets.Numbers, bets.Numbers] | None = None
        self._weighed: tuple[tuple[int, Terms], Weighed] | None = None
        self._against: tuple[tuple[int, Terms], float] | None = None

    def add(self, entry: Entry, times: int = 1) -> None:
        """One more case; ``times`` -1 takes out one that was added."""
        row = self._rows.setdefault(entry.day, len(self._rows))
        if row == len(self._down):
            self._down, self._up = _doubled(self._down), _doubled(self._up)
        self._down[row, entry.low] += times
        self._up[row, entry.high] += times
        self.replays += times
        self._total += times * exactly(entry.difference)
        self._aged = self._weighed = self._against = None

    @property
    def mean(self) -> float | None:
        """Of the differences, not aged."""
        return mean_of(self._total, self.replays)

    def weighed(self, now: float, terms: Terms) -> Weighed:
        """What the cases say at ``now`` (Unix seconds)."""
        key = (math.floor(now / DAY), terms)
        if self._weighed is None or self._weighed[0] != key:
            ready, mirrored = self._weights(key[0], terms.half_life)
            unaged, total = self._down[: len(self._rows)].sum(axis=0, dtype=np.float64), self._total / int(_UNIT)
            found = weigh_counts(ready, mirrored, unaged, self.replays, total, now, terms, self.reach)
            self._weighed = (key, found)
        return self._weighed[1]

    def against(self, now: float, terms: Terms) -> float:
        """ln E of the mirrored bets alone: the evidence that it is worse than the margin allows."""
        key = (math.floor(now / DAY), terms)
        if self._against is None or self._against[0] != key:
            mirrored = self._weights(key[0], terms.half_life)[1]
            self._against = (key, bets.log_e(mirrored, terms.margin, self.reach))
        return self._against[1]

    def _weights(self, today: int, half_life: float) -> tuple[bets.Numbers, bets.Numbers]:
        """Aged counts, rounded down, and mirrored from rounded up; as a ledger's."""
        key = (today, half_life)
        if self._aged is None or self._aged[0] != key:
            used = len(self._rows)
            age = np.maximum(today - np.fromiter(self._rows, dtype=np.float64, count=used), 0.0)
            weight = np.exp2(-age / half_life)
            ready, mirrored = weight @ self._down[:used], (weight @ self._up[:used])[::-1]
            self._aged = (key, np.asarray(ready), np.asarray(mirrored))
        return self._aged[1], self._aged[2]


def _doubled(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.concatenate([rows, np.zeros_like(rows)])
