"""A cell's scored cases as they come, and what they say at any moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from switchover.domain.candidate import ScoredCase
from switchover.domain.process import RehearsalTerms

from .decide import Decision, Facts, Value, decide, difference
from .sample import natural_mix


class Book:
    """Cases are added one by one; ``decide`` says what all of them together show.

    ``topics`` gives a case's topic by exchange id, ``traffic`` is (moment, topic) of every recorded exchange, ``keys``
    the request's key by exchange id; ``slice_share`` is the natural share of critical cases. A case counts with its
    ``value``, in [-reach, reach].
    """

    def __init__(
        self,
        terms: RehearsalTerms,
        rows: Iterable[ScoredCase] = (),
        *,
        topics: Mapping[str, int],
        traffic: Sequence[tuple[float, int]],
        keys: Mapping[str, str],
        slice_share: float,
        seed: int,
        calibrated: bool,
        was_ready: bool,
        value: Value = difference,
        reach: float = 1.0,
        lacking: tuple[str, ...] = (),
    ) -> None:
        self.rows = list(rows)
        self._terms, self._topics, self._traffic, self._keys = terms, topics, traffic, keys
        self._slice_share, self._seed = slice_share, seed
        self._calibrated, self._was_ready = calibrated, was_ready
        self._value, self._reach, self._lacking = value, reach, lacking

    def add(self, row: ScoredCase) -> None:
        """One more case."""
        self.rows.append(row)

    def decide(self, now: float) -> Decision:
        """The verdict at ``now`` (Unix seconds)."""
        facts = Facts(
            rows=self.rows,
            mix=natural_mix(self.rows, self._keys, self._slice_share, self._seed),
            topics=self._topics,
            traffic=self._traffic,
            calibrated=self._calibrated,
            was_ready=self._was_ready,
            value=self._value,
            reach=self._reach,
            lacking=self._lacking,
        )
        return decide(facts, self._terms, now)
