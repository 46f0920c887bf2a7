"""Drills: what was never tried, and every drill with what was laid down before it and what came of it."""

from __future__ import annotations

from starlette.responses import Response

from switchover.domain.cut_off import Drill
from switchover.drill.limits import limits_said
from switchover.report.drills import ENDED, events_of, untested, validity
from switchover.report.standing import DRILL_HOLDS_S
from switchover.store.drills import count_drills
from switchover.store.drills import drills as rows
from switchover.store.proofs import proofs

from .visit import Visit

LISTED = 20
# How each state and result is marked.
MARKS = {"passed": "good", "failed": "bad", "stopped": "open", "running": "open", "planned": "open"}


def show(visit: Visit) -> Response:
    """The page of all drills, or of one process's; older ones from the place that is asked for on."""
    store, now = visit.store, visit.now
    settings = visit.sources.as_seen(visit.settings)
    counted = count_drills(store)
    wanted = visit.asked.get("process")
    process = wanted if wanted in counted or wanted in settings.processes else None
    total = counted.get(process, 0) if process is not None else sum(counted.values())
    start = visit.start(total)
    lately, held = rows(store, since=now - DRILL_HOLDS_S), proofs(store)
    found = rows(store, process, limit=LISTED, start=start)
    return visit.page(
        "drills.html",
        entries=[(one, word(one), mark(one), validity(one, lately, held, settings, now)) for one in found],
        untested=[one for one in untested(settings, held, lately, now) if process is None or one.process == process],
        limits=limits_said,
        events=events_of,
        counted=counted,
        process=process,
        start=start,
        listed=LISTED,
        total=total,
    )


def word(drill: Drill) -> str:
    """Its result where it is over, or else its state."""
    over = drill.outcome if drill.state in ENDED else None
    return over.result if over is not None else drill.state


def mark(drill: Drill) -> str:
    """The colour of that word."""
    return MARKS.get(word(drill), "off")
