"""A cell's scored cases as they come, and what they say at any moment.

A look costs the same after ten thousand cases as after ten: each ledger is kept as counts, and weighed again only once
a case was added to it or another day began.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from switchover.domain.candidate import ScoredCase, SliceEvidence, TopicEvidence
from switchover.domain.process import RehearsalTerms
from switchover.stats.noninferiority import Weighed

from .coverage import Coverage, Kind
from .decide import (
    SUSPECTED,
    Decision,
    Facts,
    Scores,
    Value,
    decide,
    difference,
    found_at,
    judging,
    numbers,
    terms_at,
)
from .tally import Entry, Tally


class Book:
    """Cases are added one by one; ``decide`` says what all of them together show.

    ``kinds`` gives an exchange's kind by id, ``traffic`` is (moment, kind) of every recorded exchange, ``examples`` the
    ids of typical exchanges of each topic that is tested. A case that is graded again takes its old score's place. A
    case counts with its ``value``, in [-reach, reach]; ``lacking``: what else stands between the cell and READY.
    """

    def __init__(
        self,
        terms: RehearsalTerms,
        rows: Iterable[ScoredCase] = (),
        *,
        kinds: Mapping[str, Kind],
        traffic: Sequence[tuple[float, Kind]],
        examples: Mapping[int, tuple[str, ...]],
        calibrated: bool,
        was_ready: bool,
        value: Value = difference,
        reach: float = 1.0,
        lacking: tuple[str, ...] = (),
    ) -> None:
        self._terms, self._kinds, self._examples = terms, kinds, examples
        self._calibrated, self._was_ready = calibrated, was_ready
        self._value, self._reach, self._lacking = value, reach, lacking
        self._rows: dict[str, ScoredCase] = {}
        self._coverage = Coverage(traffic)
        self._overall = Tally(reach)
        self._slices = {
            part.name: (Tally(reach), terms_at(terms, part.margin or terms.slice_margin)) for part in terms.slices
        }
        self._topics = {topic: Tally(reach) for topic in sorted(examples)}
        self._scores = Scores()
        self._graded = 0
        self._newest: float | None = None
        for row in rows:
            self.add(row)

    @property
    def rows(self) -> list[ScoredCase]:
        """The cell's cases so far."""
        return list(self._rows.values())

    def graded_at(self, exchange_id: str) -> float | None:
        """When an exchange was graded last; None: never."""
        row = self._rows.get(exchange_id)
        return None if row is None else row.graded_at

    def add(self, row: ScoredCase) -> None:
        """One more case."""
        before = self._rows.pop(row.exchange_id, None)
        self._rows[row.exchange_id] = row
        if before is not None:
            self._enter(before, -1)
            if before.graded_at == self._newest:
                self._newest = self._last_graded()
        self._enter(row, 1)

    def _enter(self, row: ScoredCase, times: int) -> None:
        """Puts a case into every ledger that it belongs to, or with -1 takes it out."""
        counted = self._value(row)
        if counted is None:
            return
        self._graded += times
        if times > 0:
            self._newest = max(row.graded_at, self._newest or row.graded_at)
        entry = Entry.of(row.graded_at, counted, self._reach)
        if row.counts:
            self._overall.add(entry, times)
            self._scores.add(row, times)
        for name in row.slices:
            if name in self._slices:
                self._slices[name][0].add(entry, times)
        kind = self._kinds.get(row.exchange_id) or Kind(row.topic, row.frame)
        self._coverage.add(kind, times)
        if kind.topic in self._topics:
            self._topics[kind.topic].add(entry, times)

    def _last_graded(self) -> float | None:
        graded = (row.graded_at for row in self._rows.values() if self._value(row) is not None)
        return max(graded, default=None)

    def decide(self, now: float) -> Decision:
        """The verdict at ``now`` (Unix seconds)."""
        weighed = {name: tally.weighed(now, at) for name, (tally, at) in self._slices.items()}
        critical = {part.name for part in self._terms.slices if part.critical}
        worst, found, suspected = self._topics_at(now)
        facts = Facts(
            overall=self._overall.weighed(now, terms_at(self._terms, self._terms.margin)),
            slices={name: one for name, one in weighed.items() if name in critical},
            told={name: one for name, one in weighed.items() if name not in critical},
            worst_topic=worst,
            found=found,
            suspected=suspected,
            cases=len(self._rows),
            graded=self._graded,
            newest=self._newest,
            coverage=self._coverage.share(now),
            coverage_ends=self._coverage.ends(now),
            scores=self._scores,
            calibrated=self._calibrated,
            was_ready=self._was_ready,
            lacking=self._lacking,
        )
        decision = decide(facts, self._terms, now)
        return replace(decision, evidence=replace(decision.evidence, **judging(self._rows.values())))

    def _topics_at(
        self, now: float
    ) -> tuple[TopicEvidence | None, tuple[TopicEvidence, ...], tuple[TopicEvidence, ...]]:
        """The topic with the lowest mean, those found worse than the margin allows, and those suspected of it."""
        at, many = terms_at(self._terms, self._terms.slice_margin), len(self._topics)
        replayed = {topic: tally for topic, tally in self._topics.items() if self._coverage.replayed(topic)}
        if not replayed:
            return None, (), ()
        against = {topic: tally.against(now, at) for topic, tally in replayed.items()}
        found = [topic for topic in replayed if against[topic] >= found_at(at.beta, many)]
        suspected = [t for t in replayed if t not in found and against[t] >= SUSPECTED]
        worst = min(replayed, key=lambda topic: (replayed[topic].mean or 0.0, -against[topic], topic))

        def told(topic: int) -> TopicEvidence:
            return self._told(topic, replayed[topic].weighed(now, at), now, topic in found)

        return told(worst), tuple(map(told, found)), tuple(map(told, suspected))

    def _told(self, topic: int, weighed: Weighed, now: float, found: bool) -> TopicEvidence:
        evidence: SliceEvidence = numbers(f"topic {topic}", weighed)
        return TopicEvidence(
            topic=topic,
            of=len(self._topics),
            share=self._coverage.of_topic(topic, now),
            examples=self._examples[topic],
            evidence=evidence,
            found=found,
        )
