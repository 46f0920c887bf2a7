"""Topics: kinds of requests, as clusters of hashed character n-grams; the unit of coverage."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .copies import normalise

WIDTH = 512
GRAMS = (3, 4)
FITTED = 2_000  # texts that topics are fitted on: the first ones stay, so topics stay as the record grows
PER_TOPIC, MOST_TOPICS = 60, 24
ROUNDS = 20
NOVEL = -1

Vectors = npt.NDArray[np.float64]


def vectors(texts: Sequence[str]) -> Vectors:
    """Unit vectors of character n-grams, square roots of their counts; shape (texts, 512)."""
    found = np.zeros((len(texts), WIDTH))
    for row, text in enumerate(texts):
        plain = f" {normalise(text)} "
        for size in GRAMS:
            for at in range(len(plain) - size + 1):
                found[row, zlib.crc32(plain[at : at + size].encode()) % WIDTH] += 1.0
    found = np.sqrt(found)
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12))


@dataclass(frozen=True, slots=True)
class Topics:
    """Centres of shape (topics, 512); a text less alike than ``least`` to every centre is novel."""

    centres: Vectors
    least: float

    def of(self, texts: Sequence[str]) -> list[int]:
        """The topic of each text, or -1 for a novel one."""
        if not len(texts) or not len(self.centres):
            return [NOVEL] * len(texts)
        alike = vectors(texts) @ self.centres.T
        return [int(row.argmax()) if row.max() >= self.least else NOVEL for row in alike]


def fit(texts: Sequence[str]) -> Topics:
    """Clusters of the first texts (spherical k-means from spread-out starts); the same texts give the same topics."""
    known = vectors(sorted(set(texts[:FITTED])))
    if not len(known):
        return Topics(np.zeros((0, WIDTH)), 0.0)
    centres = _starts(known, min(max(len(known) // PER_TOPIC, 1), MOST_TOPICS))
    for _ in range(ROUNDS):
        nearest = (known @ centres.T).argmax(axis=1)
        sums = np.stack([known[nearest == topic].sum(axis=0) for topic in range(len(centres))])
        sizes = np.linalg.norm(sums, axis=1, keepdims=True)
        moved = np.where(sizes > 0, sums / np.maximum(sizes, 1e-12), centres)
        if np.allclose(moved, centres):
            break
        centres = moved
    # One in 200 of what the topics were fitted on counts as novel.
    return Topics(centres, float(np.quantile((known @ centres.T).max(axis=1), 0.005)))


def _starts(known: Vectors, count: int) -> Vectors:
    """Seeded k-means++: each start is drawn by its distance from those before."""
    rng = np.random.default_rng(len(known))
    chosen = [int(rng.integers(len(known)))]
    apart = np.ones(len(known))
    for _ in range(count - 1):
        apart = np.minimum(apart, np.maximum(1.0 - known @ known[chosen[-1]], 0.0))
        odds = apart**2
        if odds.sum() <= 0:
            break
        chosen.append(int(rng.choice(len(known), p=odds / odds.sum())))
    return np.asarray(known[chosen])
