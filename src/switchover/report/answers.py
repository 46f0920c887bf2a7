"""The four answers in one line each: the figures a board sees first. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from switchover.costs.outlook import Outlook
from switchover.domain.process import Criticality, DataClass, Process

from .model import Answer, BoardReport, Loss
from .wording import anchor, share, short, span, usd

QUESTIONS = (
    "How dependent are we, and what happens if a vendor raises its price, disconnects a model or is ordered to stop?",
    "Which processes are too critical to hand over entirely?",
    "What will it cost over two years if prices change?",
    "Can we run an alternative ourselves?",
)
LONGEST_IN_WORDS = 60
SENSITIVE = (DataClass.CONFIDENTIAL, DataClass.SECRET)


def answers(report: BoardReport) -> tuple[Answer, ...]:
    """One answer per question, in order; what is not known is said to be unknown."""
    return (_dependence(report), _handing_over(report), _cost(report), _ourselves(report))


def worst(report: BoardReport) -> Loss | None:
    """The loss that leaves least of critical volume; among equals the first. None when no volume was recorded."""
    known = [(loss.surviving, loss) for loss in report.losses if loss.surviving is not None]
    return min(known, key=lambda pair: pair[0])[1] if known else None


def _dependence(report: BoardReport) -> Answer:
    loss = worst(report)
    if loss is None:
        why = "nothing critical has been recorded" if report.losses else "no upstream is outside our own machines"
        return _unknown(1, f"{why}, so what would go on can't be said" if report.losses else why, "answer-1")
    lost = "is lost, as it is now" if loss.happened else "is lost"
    name = short(loss.target.name, LONGEST_IN_WORDS)
    words = f"of critical volume is shown to go on if {name} ({loss.target.kind}) {lost}"
    return _answer(1, share(loss.surviving), words, f"loss-{anchor(str(loss.target))}", loss.simulated, loss.surviving)


def _handing_over(report: BoardReport) -> Answer:
    """Critical processes with sensitive data are those to keep a hand on: how many have an own way out in date?"""
    guarded = [s for s in report.standings if _critical(s.process) or s.process.data in SENSITIVE]
    broken = sum(row.asked for row in report.permissions if row.violation)
    if not guarded:
        return _unknown(2, "no process is critical or works on confidential data", "answer-2")
    own = {(row.process, row.upstream) for row in report.permissions if row.own}
    held = sum(1 for s in guarded if s.proof is not None and (s.process.name, s.proof.upstream) in own)
    breaches = f"{broken} recorded exchange{'' if broken == 1 else 's'}" if broken else "no recorded exchange"
    words = (
        "critical or confidential processes have a proven replacement on our own machine; "
        f"{breaches} broke the data policy"
    )
    simulated = _all(s.simulated for s in guarded)
    return _answer(2, f"{held} of {len(guarded)}", words, "answer-2", simulated, held / len(guarded))


def _cost(report: BoardReport) -> Answer:
    found = report.ahead
    if isinstance(found, str) or found.stay.total is None:
        why = found if isinstance(found, str) else "staying has no price"
        return _unknown(3, f"no cost can be projected: {why}", "answer-3")
    low, middle, high = found.stay.total
    usage = {one.process: one for one in found.usage}
    least = "at least, as some calls have no price; " if any(row.gaps for row in report.spend) else ""
    seen = span(max(one.last - one.first for one in usage.values()))
    words = (
        f"over {found.months} months if all stays as it is ({least}one in ten chance each of less than {usd(low)} and "
        f"of more than {usd(high)}){_rival(found)}. From {seen} of record: a range to plan with, not a forecast"
    )
    simulated = _all(row.simulated for row in report.spend if row.process in usage)
    return _answer(3, usd(middle), words, "answer-3", simulated, float(middle))


def _rival(found: Outlook) -> str:
    """The option to hold against staying; one that is not proven saves nothing."""
    rival = next((one for one in found.options if one.name == found.rival), None)
    if rival is None or rival.total is None:
        return ""
    name = short(rival.name, LONGEST_IN_WORDS)
    if rival.saved is None:
        return f"; no alternative is proven ({name} would be {usd(rival.total[1])})"
    chance = next(one.chance for one in found.beats if (one.cheaper, one.dearer) == (rival.name, found.stay.name))
    return f"; {usd(rival.total[1])} with {name}, cheaper with a chance of {share(chance)}"


def _ourselves(report: BoardReport) -> Answer:
    """Of the critical processes' busiest minutes together, what proven models on own machines carry."""
    critical = [s for s in report.standings if s.traffic and _critical(s.process)]
    # A process that asks for embeddings alone has no such minute.
    peaks = {s.process.name: s.traffic.peak_minute for s in critical if s.traffic and s.traffic.peak_minute}
    if not peaks:
        return _unknown(4, "nothing critical has been recorded to measure against", "answer-4")
    carried = dict.fromkeys(peaks, 0.0)
    for row in report.capacity:
        if row.ready and row.share is not None and row.process in carried:
            carried[row.process] = max(carried[row.process], row.share * row.peak_minute)
    words = "of the critical processes' busiest recorded minutes is carried by proven models on our own machine"
    rests = _all(s.simulated for s in report.standings if s.process.name in peaks)
    part = sum(carried.values()) / sum(peaks.values())
    return _answer(4, share(part), words, "answer-4", rests, part)


def _critical(process: Process) -> bool:
    return process.criticality is Criticality.CRITICAL


def _all(simulated: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({name for names in simulated for name in names}))


def _answer(number: int, figure: str, words: str, link: str, simulated: tuple[str, ...], value: float | None) -> Answer:
    return Answer(
        number=number,
        question=QUESTIONS[number - 1],
        figure=figure,
        words=words,
        link=link,
        known=True,
        simulated=simulated,
        value=value,
    )


def _unknown(number: int, why: str, link: str) -> Answer:
    return Answer(number=number, question=QUESTIONS[number - 1], figure="unknown", words=why, link=link, known=False)
