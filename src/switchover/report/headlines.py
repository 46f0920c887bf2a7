"""What two pages of answers show: drawn by every renderer, kept of each issued report, held against the next one's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from switchover.domain.candidate import State
from switchover.domain.process import Criticality
from switchover.errors import StoreUnavailable

from .answers import SENSITIVE
from .explaining import state_at
from .model import Answer, BoardReport, Sealed, Since, Standing
from .wording import anchor, harmless, moment

OWN, ELSEWHERE, NOT_PROVEN, UNTESTED = "own machine", "proven elsewhere", "not proven", "untested"
WORST_FIRST = (UNTESTED, NOT_PROVEN, ELSEWHERE, OWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class LossRow:
    """A loss: the share (0–1) of critical volume that is shown to go on, and that with what a proof alone says."""

    name: str
    kind: str
    shown: float | None
    proven: float | None
    happened: bool
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandRow:
    """A critical or confidential process and its best way out; ``breaches`` counts calls against its data policy."""

    process: str
    way: str
    breaches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionRow:
    """An option's P10, P50 and P90 in USD over all months; ``saves``: proven wherever it would serve."""

    name: str
    low: float
    middle: float
    high: float
    stays: bool
    saves: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRow:
    """The share of a critical process's busiest minute that an own machine carries (None: never measured, or none)."""

    process: str
    share: float | None
    ready: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRow:
    """Where a process stands: its fate without its baseline, a sentence, and each candidate's state."""

    process: str
    criticality: str
    owner: str
    fate: str
    survives: bool
    open: bool
    word: str
    recorded: int
    candidates: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Headlines:
    """The two pages. ``months`` is how far the third answer looks; ``alarms`` are the cut-offs in force, in words.

    ``sealed`` is the evidence checkpoint that the report carries on each page, ``since`` what changed. ``note``
    is what the configuration has said on top.
    """

    made_at: float
    organisation: str | None
    simulated: tuple[str, ...]
    supposed: bool
    window: tuple[float, float] | None
    answers: tuple[Answer, ...]
    losses: tuple[LossRow, ...]
    hands: tuple[HandRow, ...]
    options: tuple[OptionRow, ...]
    months: int | None
    loads: tuple[LoadRow, ...]
    processes: tuple[ProcessRow, ...]
    alarms: tuple[str, ...]
    sealed: Sealed | None
    since: Since | None = None
    note: str = ""


_decoder = msgspec.json.Decoder(Headlines)


def kept(found: Headlines) -> str:
    """As JSON, for the store."""
    return msgspec.json.encode(found).decode()


def read(name: str, text: str) -> Headlines:
    """What :func:`kept` wrote of the report ``name``, in this version or an earlier one. Raises StoreUnavailable."""
    try:
        return _decoder.decode(text)
    except msgspec.MsgspecError as cause:
        raise StoreUnavailable(
            f"what the store kept of {name} can't be read", mend="restore the store from a backup"
        ) from cause


def headlines(report: BoardReport) -> Headlines:
    """The two pages of a report, what is worst first."""
    name = report.organisation.get("name")
    return Headlines(
        made_at=report.made_at,
        organisation=None if name is None else str(name),
        simulated=report.simulated,
        supposed=report.supposed,
        window=report.window,
        answers=report.answers,
        losses=tuple(_losses(report)),
        hands=tuple(sorted(_hands(report), key=lambda row: (-row.breaches, WORST_FIRST.index(row.way)))),
        options=tuple(_options(report)),
        months=None if isinstance(report.ahead, str) else report.ahead.months,
        loads=tuple(sorted(_loads(report), key=lambda row: row.share if row.ready and row.share else 0.0)),
        processes=tuple(_row(standing, report.made_at) for standing in report.standings),
        alarms=tuple(_alarms(report)),
        sealed=report.sealed,
        since=report.since,
        note=report.note,
    )


def _losses(report: BoardReport) -> Iterable[LossRow]:
    for loss in sorted(report.losses, key=lambda one: (one.surviving is None, one.surviving or 0.0)):
        yield LossRow(
            name=loss.target.name,
            kind=str(loss.target.kind),
            shown=loss.surviving,
            proven=loss.proven,
            happened=loss.happened,
            link=f"loss-{anchor(str(loss.target))}",
        )


def _hands(report: BoardReport) -> Iterable[HandRow]:
    own = {(row.process, row.upstream) for row in report.permissions if row.own}
    for standing in report.standings:
        process = standing.process
        if process.criticality is not Criticality.CRITICAL and process.data not in SENSITIVE:
            continue
        broken = sum(row.asked for row in report.permissions if row.violation and row.process == process.name)
        yield HandRow(process=process.name, way=_way(standing, own), breaches=broken)


def _way(standing: Standing, own: set[tuple[str, str]]) -> str:
    if standing.proof is not None:
        return OWN if (standing.process.name, standing.proof.upstream) in own else ELSEWHERE
    return NOT_PROVEN if standing.verdicts else UNTESTED


def _options(report: BoardReport) -> Iterable[OptionRow]:
    if isinstance(report.ahead, str):
        return
    for option in report.ahead.options:
        if option.total is not None:
            low, middle, high = map(float, option.total)
            stays = option is report.ahead.stay
            yield OptionRow(
                name=option.name, low=low, middle=middle, high=high, stays=stays, saves=not stays and bool(option.saved)
            )


def _loads(report: BoardReport) -> Iterable[LoadRow]:
    """Of each critical process with a busiest minute the machine that carries most of it, proven ones before others."""
    for standing in report.standings:
        process = standing.process
        busy = standing.traffic is not None and standing.traffic.peak_minute
        if process.criticality is not Criticality.CRITICAL or not busy:
            continue
        rows = [row for row in report.capacity if row.process == process.name and row.share is not None]
        best = max(rows, key=lambda row: (row.ready, row.share or 0.0), default=None)
        share, ready = (best.share, best.ready) if best else (None, False)
        yield LoadRow(process=process.name, share=share, ready=ready)


def _row(standing: Standing, now: float) -> ProcessRow:
    states: dict[str, str] = dict.fromkeys(standing.process.fallbacks, UNTESTED)
    for verdict in sorted(standing.verdicts, key=lambda one: one.made_at):
        # One READY prompt version is enough to stand in, whatever was tried after it.
        if states.get(verdict.cell.upstream) != State.READY:
            states[verdict.cell.upstream] = str(state_at(verdict, now))
    return ProcessRow(
        process=standing.process.name,
        criticality=str(standing.process.criticality),
        owner=standing.process.owner,
        fate=str(standing.fate),
        survives=standing.fate.survives,
        open=standing.fate.open,
        word=standing.word,
        recorded=standing.traffic.exchanges if standing.traffic else 0,
        candidates=states,
    )


def _alarms(report: BoardReport) -> Iterable[str]:
    for cut in report.cut_offs:
        if cut.fault is None and cut.in_force(report.made_at):
            yield harmless(f"{cut.target} since {moment(cut.placed_at)} UTC: {cut.reason}")
