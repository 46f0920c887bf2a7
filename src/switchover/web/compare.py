"""The candidates of a process side by side, and the worst cases of one of them."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from switchover.domain.candidate import State, Verdict
from switchover.evidence import events
from switchover.report.charts import Interval
from switchover.report.comparison import Compared, compare
from switchover.report.failing import WorstCase
from switchover.report.intervals import interval_plot

from . import texts
from .visit import Visit

WORST = 5


@dataclass(frozen=True, slots=True)
class Beside:
    """A case in which a candidate fell behind: the recorded answer and its own, what differs marked."""

    case: WorstCase
    baseline: texts.Shown
    candidate: texts.Shown


def show(visit: Visit) -> Response:
    """The page of the process that the path names; whose cases are shown is asked for, or else the best one's."""
    process = visit.process()
    chosen = visit.asked.get("worst", "")
    reads = visit.may("bodies", process.name)

    def is_chosen(place: int, verdict: Verdict) -> bool:
        return verdict.id == chosen if chosen else place == 0

    found = compare(
        visit.store,
        visit.sources.as_seen(visit.settings),
        process.name,
        visit.now,
        worst=WORST,
        of=is_chosen,
        words=reads,
    )
    looked = next((one for at, one in enumerate(found.candidates) if is_chosen(at, one.verdict)), None)
    if looked is not None and looked.shown and visit.actor.is_person:
        with visit.sources.noting(visit.settings, visit.check("bodies", process.name)) as note:
            for name in looked.shown:
                note(events.shown(name, process.name))
    return visit.page(
        "compare.html",
        process=process,
        found=found,
        plot=interval_plot([_interval(one) for one in found.candidates], f"Candidates against {process.baseline}"),
        looked=looked,
        beside=_beside(looked),
        reads=reads,
    )


def _beside(looked: Compared | None) -> list[Beside]:
    return [
        Beside(case, *texts.side_by_side(case.baseline, case.candidate)) for case in (looked.worst if looked else ())
    ]


def _interval(one: Compared) -> Interval:
    overall = one.verdict.evidence.overall
    return Interval(
        name=one.name,
        mean=overall.mean_difference,
        lower=overall.lower,
        upper=overall.upper,
        margin=overall.margin,
        word=f"{one.state}, void" if one.void else str(one.state),
        good=one.state is State.READY and one.void is None,
    )
