"""Assumptions as rows, and the values that a simulation draws from them. Pure: chance is handed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from switchover.domain.costing import SHIPPED, Assumption
from switchover.facts.read import facts

Array = npt.NDArray[np.float64]


class Chance:
    """Draws by name: the same seed and name give the same figures, whatever else is drawn.

    So two runs that differ in one assumption differ by it alone. What was drawn is kept for the next run.
    """

    def __init__(self, seed: int, draws: int) -> None:
        self.seed, self.draws = seed, draws
        self._uniform: dict[str, Array] = {}
        self._drawn: dict[tuple[str, float, float, float], Array] = {}

    def uniform(self, name: str) -> Array:
        """One number in [0, 1) per draw. Not to be changed."""
        found = self._uniform.get(name)
        if found is None:
            found = self._uniform[name] = np.random.default_rng([self.seed, crc32(name.encode())]).random(self.draws)
        return found

    def between(self, name: str, low: float, mode: float, high: float) -> Array:
        """One number per draw between ``low`` and ``high``, most often near ``mode``. Not to be changed."""
        key = (name, low, mode, high)
        found = self._drawn.get(key)
        if found is None:
            found = self._drawn[key] = triangular(self.uniform(name), low, mode, high)
        return found


def shipped() -> dict[str, Assumption]:
    """The rows that hold where nobody says otherwise."""
    rows: Mapping[str, dict[str, Any]] = facts("assumptions")["assumptions"]
    return {name: _shipped(name, row) for name, row in rows.items()}


def _shipped(name: str, row: Mapping[str, Any]) -> Assumption:
    low, value, high = (float(row[end]) for end in ("low", "value", "high"))
    words = {key: str(row[key]) for key in ("means", "unit", "source", "owner", "date")}
    return Assumption(name=name, low=low, value=value, high=high, kept_in=SHIPPED, **words)


def triangular(uniform: Array, low: float, mode: float, high: float) -> Array:
    """Uniform numbers as numbers between ``low`` and ``high`` that lie near ``mode`` most often.

    The inverse of the triangular distribution's function (Kotz and van Dorp, Beyond Beta, 2004, section 1.1).
    """
    if high <= low:
        return np.full(uniform.shape, mode)
    turn = (mode - low) / (high - low)
    rising = low + np.sqrt(uniform * (high - low) * (mode - low))
    falling = high - np.sqrt((1 - uniform) * (high - low) * (high - mode))
    return np.where(uniform < turn, rising, falling)


class Values:
    """What each assumption is in every draw.

    ``pinned`` (name → value) are the same in all draws; with ``certain`` every row is at its value, nothing is drawn
    and arrays have one draw. ``used`` collects the rows that were asked for.
    """

    def __init__(
        self,
        rows: Mapping[str, Assumption],
        chance: Chance,
        pinned: Mapping[str, float] | None = None,
        *,
        certain: bool = False,
    ) -> None:
        self.rows, self.certain = rows, certain
        self.used: dict[str, Assumption] = {}
        self._chance, self._pinned = chance, pinned or {}

    @property
    def draws(self) -> int:
        """How many."""
        return 1 if self.certain else self._chance.draws

    def of(self, name: str, process: str | None = None) -> Array:
        """The assumption ``name``, as it is said for this process if it is: one number per draw."""
        return self.row(self.find(name, process))

    def find(self, name: str, process: str | None = None) -> Assumption:
        """Its row. Raises KeyError for one that nobody knows."""
        return self.rows.get(f"{name}:{process}") or self.rows[name]

    def row(self, row: Assumption, where: str = "") -> Array:
        """One number per draw of a row, which need not be among ``rows``; drawn anew for each ``where``."""
        self.used[row.name] = row
        pinned = self._pinned.get(row.name, row.value if self.certain else None)
        if pinned is not None:
            return np.full(self.draws, pinned)
        return self._chance.between(f"{row.name} {where}", row.low, row.value, row.high)

    def uniform(self, name: str) -> Array:
        """Whether and when something happens, in [0, 1); where all is certain, as late as can be."""
        return np.full(1, np.nextafter(1.0, 0.0)) if self.certain else self._chance.uniform(name)


def together(*several: Iterable[Assumption]) -> tuple[Assumption, ...]:
    """Rows of several sources, each once, by name."""
    found = {row.name: row for rows in several for row in rows}
    return tuple(found[name] for name in sorted(found))
