"""Every process with its candidates: who is READY, and who would be if all were judged together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from switchover.domain.candidate import State, Verdict
from switchover.domain.process import Process, Settings
from switchover.stats.many import discoveries
from switchover.store import Store
from switchover.store.proofs import newest_verdicts

from .comparison import Judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A candidate by its newest verdict. ``void`` says why that says no more of what would answer today.

    ``log_e`` is the evidence against its being worse than accepted, overall and in each slice. ``stands_out``: READY,
    and so among all that were tried; None where no verdict stands.
    """

    verdict: Verdict
    state: State
    void: str | None
    log_e: float
    stands_out: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A process: its candidates, READY ones first, and its fallbacks that were never tried."""

    process: Process
    entries: tuple[Entry, ...]
    untested: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """All processes. Of ``tried`` candidates whose verdict stands, ``ready`` are READY, and ``certain`` of these so

    that at most the share ``rate`` of them is expected to be wrong. Of ``void`` others no verdict stands.
    """

    lines: tuple[Line, ...]
    rate: float
    tried: int
    ready: int
    certain: int
    void: int


def portfolio(store: Store, settings: Settings, now: float, rate: float) -> Portfolio:
    """The processes as of ``now`` (Unix seconds), the false discovery rate held at ``rate`` (0–1).

    ``settings`` are those with the chat templates that run. Raises StoreUnavailable.
    """
    newest: dict[str, list[Verdict]] = {}
    for verdict in newest_verdicts(store):
        newest.setdefault(verdict.cell.process, []).append(verdict)
    lines = [_line(store, settings, process, newest.get(name, []), now) for name, process in settings.processes.items()]
    standing = [entry for line in lines for entry in line.entries if entry.void is None]
    kept = set(discoveries({entry.verdict.id: entry.log_e for entry in standing}, rate))
    certain = {entry.verdict.id for entry in standing if entry.verdict.id in kept and entry.state is State.READY}
    return Portfolio(
        lines=tuple(replace(line, entries=_marked(line.entries, certain)) for line in lines),
        rate=rate,
        tried=len(standing),
        ready=sum(entry.state is State.READY for entry in standing),
        certain=len(certain),
        void=sum(len(line.entries) for line in lines) - len(standing),
    )


def log_evidence(verdict: Verdict) -> float:
    """The natural log of the e-value against "worse than accepted somewhere": the least of all its ledgers."""
    parts = (verdict.evidence.overall, *verdict.evidence.slices)
    return min(part.log_e_ready for part in parts)


def _line(store: Store, settings: Settings, process: Process, newest: Sequence[Verdict], now: float) -> Line:
    if process.rehearse is None:
        return Line(process=process, entries=(), untested=process.fallbacks)
    judge = Judge(store, settings, process, process.rehearse, now)
    entries = [
        Entry(verdict=verdict, state=judge.state(verdict), void=judge.void(verdict), log_e=log_evidence(verdict))
        for verdict in judge.best_first(newest)
    ]
    tried = {entry.verdict.cell.upstream for entry in entries}
    untested = tuple(name for name in process.fallbacks if name not in tried)
    return Line(process=process, entries=tuple(entries), untested=untested)


def _marked(entries: Sequence[Entry], certain: set[str]) -> tuple[Entry, ...]:
    return tuple(
        replace(entry, stands_out=entry.verdict.id in certain) if entry.void is None else entry for entry in entries
    )
