"""What is on record of a process, planned for replay: the same for all candidates that are rehearsed side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from switchover.domain.process import Process, RehearsalTerms
from switchover.store import Store
from switchover.store.exchanges import iter_exchanges
from switchover.trial.cases import Case, cases_of
from switchover.trial.sample import Planned, plan_cases
from switchover.trial.split import Split, split
from switchover.trial.topics import fit

from .order import nothing_to_replay

# Texts whose topics are found together: the vectors of a whole record would fill the memory.
AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """``planned``: what is replayed, in this order; the rest is about all recorded traffic.

    ``topics`` and ``keys`` are by exchange id, ``traffic`` is (moment, topic), ``slice_share`` the share of critical
    cases among those planned.
    """

    planned: Sequence[Planned]
    topics: Mapping[str, int]
    traffic: Sequence[tuple[float, int]]
    keys: Mapping[str, str]
    slice_share: float


def read_record(store: Store, process: Process, terms: RehearsalTerms, seed: int) -> Record:
    """What the baseline answered may be replayed; all of the record is the traffic to cover.

    Raises OperatorError where no words are kept that could be asked again.
    """
    everything = cases_of(iter_exchanges(store, process.name), terms.slices)
    if not everything and not process.recording.keeps_words:
        raise nothing_to_replay(process)
    oldest_first = sorted(everything, key=lambda case: (case.exchange.started_at, case.order))
    topics = dict(zip([case.exchange.id for case in oldest_first], _topics(oldest_first), strict=True))
    by_baseline = [case for case in everything if case.exchange.upstream == process.baseline]
    planned = plan_cases(split(by_baseline, process.name)[Split.VERDICT], seed)
    critical = sum(bool(one.case.slices) for one in planned)
    return Record(
        planned=planned,
        topics=topics,
        traffic=[(case.exchange.started_at, topics[case.exchange.id]) for case in oldest_first],
        keys={case.exchange.id: case.key for case in everything},
        slice_share=critical / len(planned) if planned else 0.0,
    )


def _topics(cases: Sequence[Case]) -> list[int]:
    texts = [case.text for case in cases]
    known, found = fit(texts), list[int]()
    for begin in range(0, len(texts), AT_ONCE):
        found += known.of(texts[begin : begin + AT_ONCE])
    return found
