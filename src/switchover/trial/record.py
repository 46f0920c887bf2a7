"""A process's record as a trial needs it: the cases in the order of replay, and the traffic that is to be covered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from switchover.domain.candidate import ScoredCase
from switchover.domain.exchange import Exchange
from switchover.domain.process import Process
from switchover.store import Store
from switchover.store.topics import KeptTopics, kept_topics, save_topics
from switchover.upstreams.embeddings import forget

from .cases import Case, cases_of
from .coverage import Kind
from .framed import framed
from .frames import pieces
from .sample import Planned, plan_cases
from .split import Split, split
from .topics import Topics, fit, typical_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """``planned`` is what may be replayed, in order; ``kinds`` gives an exchange's kind by id, ``slices`` its slices.

    ``traffic`` is (moment, kind) of every exchange that can be asked again, ``examples`` the ids of typical ones by
    topic.
    """

    planned: Sequence[Planned]
    kinds: Mapping[str, Kind]
    slices: Mapping[str, tuple[str, ...]]
    traffic: Sequence[tuple[float, Kind]]
    examples: Mapping[int, tuple[str, ...]]

    def as_declared(self, row: ScoredCase) -> ScoredCase:
        """A scored case in today's slices: one that was declared otherwise since holds other requests under its name.

        A case whose exchange is not on record any more stays as it was.
        """
        return replace(row, slices=self.slices.get(row.exchange_id, row.slices))


def read_record(
    store: Store, process: Process, exchanges: Iterable[Exchange], *, epoch: str, seed: int, now: float, refit: bool
) -> Record:
    """What the baseline answered may be replayed; all of it is the traffic to cover.

    Topics are those of the epoch; they are fitted and kept when it has none, or anew with ``refit``. Raises
    OperatorError where their embedding is not installed.
    """
    slices = process.rehearse.slices if process.rehearse is not None else ()
    everything = cases_of(exchanges, slices)
    topics = topics_of(store, process.name, everything, epoch=epoch, now=now, refit=refit)
    numbers = topics.of([case.text for case in everything])
    # A rehearsal runs for hours, and needs them in its first minute.
    forget()
    frames = _frames_of(everything)
    kinds = {case.id: Kind(topic, frames[case.id]) for case, topic in zip(everything, numbers, strict=True)}
    verdict_half = split([case for case in everything if case.bare.upstream == process.baseline], process.name)
    return Record(
        planned=plan_cases(verdict_half[Split.VERDICT], seed, {part.name for part in slices if part.critical}),
        kinds=kinds,
        slices={case.id: case.slices for case in everything},
        traffic=[(case.at, kinds[case.id]) for case in everything],
        examples=topics.typical,
    )


def _frames_of(cases: Iterable[Case]) -> dict[str, str]:
    in_time = sorted(cases, key=lambda case: (case.at, case.order))
    names = framed(pieces(case.request) for case in in_time)
    return {case.id: name for case, name in zip(in_time, names, strict=True)}


def words_of(
    store: Store, process: str, exchanges: Iterable[Exchange], *, epoch: str, topics: Collection[int]
) -> dict[int, list[str]]:
    """Words that are typical of these topics, as they are in these exchanges; none for topics that were not kept."""
    kept = kept_topics(store, process, epoch)
    if kept is None:
        return {}
    texts = [case.text for case in cases_of(exchanges)]
    numbers = _opened(kept).of(texts)

    def split_by(topic: int) -> tuple[list[str], list[str]]:
        inside = [text for text, number in zip(texts, numbers, strict=True) if number == topic]
        return inside, [text for text, number in zip(texts, numbers, strict=True) if number != topic]

    return {topic: typical_words(*split_by(topic)) for topic in topics}


def topics_of(store: Store, process: str, cases: Sequence[Case], *, epoch: str, now: float, refit: bool) -> Topics:
    """The topics of an epoch, as they were kept or else fitted on these cases.

    Topics fitted anew get numbers of their own: a case that was replayed before and has left the record lies in none.
    """
    kept = kept_topics(store, process, epoch)
    if kept is not None and not refit:
        return _opened(kept)
    first = 0 if kept is None else kept.first + len(kept.examples)
    oldest_first = sorted(cases, key=lambda case: (case.at, case.order))
    found = fit([case.text for case in oldest_first], [case.id for case in oldest_first], first=first)
    if len(found.centres):
        save_topics(store, process, epoch, _closed(found), now)
    return found


def _closed(topics: Topics) -> KeptTopics:
    return KeptTopics(
        embedding=topics.embedding,
        centres=topics.centres.astype("<f4").tobytes(),
        width=topics.centres.shape[1],
        least=topics.least,
        first=topics.first,
        examples=topics.examples,
    )


def _opened(kept: KeptTopics) -> Topics:
    return Topics(
        embedding=kept.embedding,
        centres=np.frombuffer(kept.centres, dtype="<f4").reshape(-1, kept.width),
        least=kept.least,
        examples=kept.examples,
        first=kept.first,
    )
