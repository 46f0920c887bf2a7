"""How much of the recent traffic lies in what was replayed, and until when.

A request is covered when its topic holds at least five graded replays and one of them was asked in its frame: with the
same system prompt, tools and schema, whatever the numbers in them.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from switchover.stats.noninferiority import DAY

FEWEST_PER_TOPIC = 5
TRAFFIC_DAYS = 30.0
COVERED = 0.95


class Kind(NamedTuple):
    """What kind of request: its topic's number (below 0: novel) and its frame."""

    topic: int
    frame: str = ""


class Coverage:
    """Graded replays by kind against the recorded traffic, (moment in Unix seconds, kind) in any order."""

    def __init__(self, traffic: Sequence[tuple[float, Kind]]) -> None:
        ordered = sorted(traffic, key=lambda one: one[0])
        self._kinds = list(dict.fromkeys(kind for _, kind in ordered))
        place = {kind: number for number, kind in enumerate(self._kinds)}
        self._at = [at for at, _ in ordered]
        self._kind: npt.NDArray[np.int64] = np.array([place[kind] for _, kind in ordered], dtype=np.int64)
        self.topics: Counter[int] = Counter()
        self._frames: Counter[str] = Counter()
        self._stale = True
        self._hits: npt.NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)
        self._ends: list[float] = []
        self._share: tuple[int, float] | None = None
        self._shares: tuple[int, Mapping[int, float]] | None = None

    def add(self, kind: Kind, times: int = 1) -> None:
        """One more graded replay; ``times`` -1 takes one out."""
        before = self.topics[kind.topic] >= FEWEST_PER_TOPIC, self._frames[kind.frame] > 0
        self.topics[kind.topic] += times
        self._frames[kind.frame] += times
        if before != (self.topics[kind.topic] >= FEWEST_PER_TOPIC, self._frames[kind.frame] > 0):
            self._stale = True

    def replayed(self, topic: int) -> bool:
        """Whether a topic holds enough graded replays."""
        return topic >= 0 and self.topics[topic] >= FEWEST_PER_TOPIC

    def share(self, now: float) -> float:
        """Of the last 30 days' traffic; 1.0 when there was none."""
        self._look()
        first = self._first(now)
        if self._share is None or self._share[0] != first:
            recent = self._hits[first:]
            self._share = (first, float(recent.mean()) if len(recent) else 1.0)
        return self._share[1]

    def ends(self, now: float) -> float | None:
        """The first moment after ``now`` at which too little of what is left of the traffic is covered, if any."""
        self._look()
        place = bisect.bisect_right(self._ends, now)
        return self._ends[place] if place < len(self._ends) else None

    def of_topic(self, topic: int, now: float) -> float:
        """The topic's part of the last 30 days' traffic."""
        first = self._first(now)
        if self._shares is None or self._shares[0] != first:
            counts = np.bincount(self._kind[first:], minlength=len(self._kinds))
            found: Counter[int] = Counter()
            for kind, count in zip(self._kinds, counts, strict=True):
                found[kind.topic] += int(count)
            total = max(len(self._at) - first, 1)
            self._shares = (first, {name: count / total for name, count in found.items()})
        return self._shares[1].get(topic, 0.0)

    def _first(self, now: float) -> int:
        return bisect.bisect_right(self._at, now - TRAFFIC_DAYS * DAY)

    def _look(self) -> None:
        """Which kinds are covered; nothing to do while that is as it was."""
        if not self._stale:
            return
        self._stale = False
        is_in = [self.replayed(kind.topic) and self._frames[kind.frame] > 0 for kind in self._kinds]
        self._hits = np.array(is_in, dtype=np.bool_)[self._kind] if len(self._kind) else np.zeros(0, dtype=np.bool_)
        self._share = None
        self._ends = self._breaks()

    def _breaks(self) -> list[float]:
        """Moments at which traffic leaves the window and what is left of it is not covered well enough, in order."""
        if not self._at:
            return []
        at = np.array(self._at)
        # When a moment leaves, all that came later is left.
        left = np.concatenate([np.cumsum(self._hits[::-1])[::-1][1:], [0]])
        many = np.arange(len(at) - 1, -1, -1)
        last_of_its_moment = np.concatenate([at[1:] != at[:-1], [True]])
        falls = last_of_its_moment & (many > 0) & (left / np.maximum(many, 1) < COVERED)
        return [float(moment) + TRAFFIC_DAYS * DAY for moment in at[falls]]
