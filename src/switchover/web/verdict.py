"""A verdict: what it means, what it rests on, what it does not show, and the cases behind it."""

from __future__ import annotations

from starlette.responses import Response

from switchover.domain.candidate import SliceEvidence, Verdict
from switchover.domain.process import Process
from switchover.errors import NotFound
from switchover.evidence import events
from switchover.report.charts import Interval
from switchover.report.comparison import Judge
from switchover.report.explaining import explain, passes, state_at
from switchover.report.failing import answered, asked, difference, reason_of
from switchover.report.intervals import interval_plot
from switchover.store.exchanges import get_exchange
from switchover.store.proofs import get_verdict
from switchover.store.trials import scored_cases

from . import texts
from .long_text import show_part
from .process import asks_people
from .visit import Visit

# Cases listed on the page: the worst ones first.
LISTED = 25


def show(visit: Visit) -> Response:
    """The page of the verdict that the path names."""
    verdict, process = _found(visit)
    void = _void(visit, verdict, process)
    rows = sorted(scored_cases(visit.store, verdict.cell.id), key=lambda row: (difference(row), -row.graded_at))
    start, reads = visit.start(len(rows)), visit.may("bodies", process.name)
    return visit.page(
        "verdict.html",
        verdict=verdict,
        process=process,
        state=state_at(verdict, visit.now),
        void=void,
        explained=explain(verdict, process, visit.now, void=void),
        plot=_plot(verdict, process),
        cases=[
            (row, difference(row), reason_of(row, verdict.cell.grader, words=reads))
            for row in rows[start : start + LISTED]
        ],
        start=start,
        listed=LISTED,
        total=len(rows),
        reads=reads,
        labels=asks_people(process) and visit.may("label", process.name),
    )


def show_case(visit: Visit) -> Response:
    """One case: the request, the recorded answer and the candidate's side by side."""
    verdict, process = _found(visit)
    name = visit.parts["exchange"]
    row = next((row for row in scored_cases(visit.store, verdict.cell.id) if row.exchange_id == name), None)
    if row is None:
        raise NotFound(f"the exchange {name!r} is no case of this verdict", mend="see the cases on the verdict's page")
    exchange = get_exchange(visit.store, name)
    reads = visit.may("bodies", process.name)
    if reads and visit.actor.is_person:
        with visit.sources.noting(visit.settings, visit.check("bodies", process.name)) as note:
            note(events.shown(name, process.name))
    question, answer = (asked(exchange), answered(exchange)) if reads else (None, None)
    if reads and visit.asked.get("part") == "candidate":
        return show_part(visit, row.answer or "", f"What {verdict.cell.upstream} answered")
    left, right = texts.side_by_side(answer, row.answer if reads else None)
    return visit.page(
        "case.html",
        verdict=verdict,
        process=process,
        row=row,
        reason=reason_of(row, verdict.cell.grader, words=reads),
        difference=difference(row),
        reads=reads,
        question=question,
        answer=answer,
        left=left,
        right=right,
    )


def _found(visit: Visit) -> tuple[Verdict, Process]:
    """Raises NotFound for a verdict that there is not, or of a process that is not configured any more."""
    verdict = get_verdict(visit.store, visit.parts["verdict"])
    if verdict is None:
        raise NotFound(f"there is no verdict {visit.parts['verdict']!r}", mend="see the list of processes")
    name = verdict.cell.process
    if name not in visit.settings.processes:
        raise NotFound(
            f"the verdict {verdict.id} is of {name!r}, which is not configured any more",
            mend="`switchover verdicts` lists it",
        )
    return verdict, visit.settings.processes[name]


def _void(visit: Visit, verdict: Verdict, process: Process) -> str | None:
    if process.rehearse is None:
        return "the process does not say how candidates are judged any more"
    return Judge(visit.store, visit.sources.as_seen(visit.settings), process, process.rehearse, visit.now).void(verdict)


def _plot(verdict: Verdict, process: Process) -> str:
    parts = (verdict.evidence.overall, *verdict.evidence.slices)
    label = f"How {verdict.cell.upstream} compares with {process.baseline}"
    return interval_plot([_interval(part, process) for part in parts if part.replays], label)


def _interval(part: SliceEvidence, process: Process) -> Interval:
    good = process.rehearse is not None and passes(part, process.rehearse)
    return Interval(
        name="All requests together" if part.name == "overall" else part.name,
        mean=part.mean_difference,
        lower=part.lower,
        upper=part.upper,
        margin=part.margin,
        word="within what is accepted" if good else "not shown to be" if part.upper > -part.margin else "worse",
        good=good,
    )
