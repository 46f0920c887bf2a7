"""Rules that this one was chosen over, as they are commonly used; each says at which replay it would say READY."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .candidates import MARGIN, Array
from .rule import first

Z = 1.645
FIXED = 200
# Pocock's constant for ten looks at 5 %, one-sided: Jennison and Turnbull, Group Sequential Methods, table 2.1 (10 %,
# two-sided, is the same but for chances below 1e-4).
LOOKS, EVERY, POCOCK = 10, 25, 2.270
FEWEST = 30
# Precision of the mixture that makes the sequence narrowest at 500 replays, at 5 % on one side.
RHO = 75.32


def standard_scores(d: Array) -> Array:
    """(mean(d) + margin) / standard error after each replay."""
    n = np.arange(1, d.shape[1] + 1)
    return np.asarray((_means(d) + MARGIN) / np.sqrt(_variances(d) / n))


def _means(d: Array) -> Array:
    return np.asarray(np.cumsum(d, axis=1) / np.arange(1, d.shape[1] + 1))


def _variances(d: Array) -> Array:
    n = np.arange(1, d.shape[1] + 1)
    return np.asarray(np.maximum(np.cumsum(d * d, axis=1) / n - _means(d) ** 2, 1e-12))


def fixed_wald(d: Array) -> Array:
    """A Wald test at 5 %, looked at once, after 200 replays."""
    return np.where(standard_scores(d)[:, FIXED - 1] >= Z, float(FIXED), np.inf)


def peeked_wald(d: Array) -> Array:
    """The same test looked at after every replay from the 30th on."""
    return first((standard_scores(d) >= Z) & _from(d, FEWEST))


def group_sequential(d: Array) -> Array:
    """Pocock's boundary: ten looks, one every 25 replays."""
    looks = np.zeros(d.shape[1], dtype=bool)
    looks[EVERY - 1 : LOOKS * EVERY : EVERY] = True
    return first((standard_scores(d) >= POCOCK) & looks)


def asymptotic(d: Array) -> Array:
    """An asymptotic confidence sequence from the 30th replay on: arXiv 2103.06476, equation 17, 10 % on both sides."""
    n = np.arange(1, d.shape[1] + 1)
    return first((_means(d) - np.sqrt(_variances(d)) * radius(n) >= -MARGIN) & _from(d, FEWEST))


def radius(n: npt.NDArray[np.int64], alpha: float = 0.10) -> Array:
    """Half the width of that sequence at unit variance."""
    return np.asarray(np.sqrt((n + RHO) * np.log((n + RHO) / (RHO * alpha**2))) / n)


def _from(d: Array, fewest: int) -> npt.NDArray[np.bool_]:
    return np.asarray(np.arange(1, d.shape[1] + 1) >= fewest)


OTHERS = {
    "Wald test, once after 200 replays": fixed_wald,
    "Wald test, at every replay": peeked_wald,
    "Pocock, ten looks every 25 replays": group_sequential,
    "asymptotic confidence sequence": asymptotic,
}
