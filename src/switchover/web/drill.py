"""A drill: its report, live while it runs, with the exchanges in it and its entries in the evidence log."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from switchover.domain.cut_off import CutOff, Drill, DrillOutcome
from switchover.drill.beside import Compared, Range, Record, compared, record, so_far
from switchover.drill.cut_off import LOST_AFTER_S
from switchover.drill.limits import limits_said, not_shown
from switchover.drill.outcome import Seen
from switchover.errors import NotFound, StoreUnavailable
from switchover.evidence import EvidenceLog
from switchover.evidence.canonical import moment
from switchover.evidence.reading import read
from switchover.evidence.telling import sentence
from switchover.report.drills import ENDED, events_of, validity
from switchover.report.standing import DRILL_HOLDS_S
from switchover.report.timeline import Moment, Stretch, timeline
from switchover.store.drills import cut_off_of, get_drill, last_heartbeat
from switchover.store.drills import drills as rows
from switchover.store.proofs import proofs

from .drills import mark, word
from .visit import Visit

LISTED = 25
STEADY = "Steady again from here"
# Its first entry is noted before the warm-up, whose length it does not keep: no longer than this, surely.
WARM_UP_S = 3600.0
# Its entries are looked for among so many from then on.
LOOKED_AT = 5_120
UNITS = {"share": ("{:.1f} %", 100.0), "ms": ("{:,.0f} ms", 1.0), "usd": ("${:.6f}", 1.0)}


def show(visit: Visit) -> Response:
    """The page of the drill that the path names; of its exchanges those from the place that is asked for on."""
    found, store, now = get_drill(visit.store, visit.parts["drill"]), visit.store, visit.now
    if found is None:
        raise NotFound(f"there is no drill {visit.parts['drill']!r}", mend="see all drills")
    settings = visit.sources.as_seen(visit.settings)
    cut = cut_off_of(store, found.id)
    ends = found.outcome.lifted_at if found.outcome is not None else now
    on_record = record(store, found, cut, settings, ends) if cut is not None else None
    outcome = found.outcome
    if outcome is None and on_record is not None and cut is not None:
        outcome = so_far(on_record, found, cut, now)
    lately = rows(store, since=now - DRILL_HOLDS_S)
    drilled = [one for one in on_record.seen if one.drilled] if on_record is not None else []
    start = visit.start(len(drilled))
    return visit.page(
        "drill.html",
        drill=found,
        known=found.process in settings.processes,
        word=word(found),
        mark=mark(found),
        outcome=outcome,
        live=found.state not in ENDED,
        watched=_watched(visit, found, cut),
        ends_at=cut.placed_at + found.duration if cut is not None else None,
        limits=limits_said(found),
        events=events_of(found.scenario),
        validity=validity(found, lately, proofs(store), settings, now),
        plot=_plot(outcome, on_record, live=found.state not in ENDED) if outcome is not None else "",
        rows=[
            (one, _said(one.unit, one.drilled), _said(one.unit, one.control))
            for one in _rows(visit, outcome, on_record)
        ],
        not_shown=list(not_shown(found)),
        record=on_record,
        exchanges=[(one, _became(one)) for one in drilled[start : start + LISTED]],
        start=start,
        listed=LISTED,
        total=len(drilled),
        log=_entries(visit, found),
    )


def _watched(visit: Visit, drill: Drill, cut: CutOff | None) -> bool:
    """Whether the process that runs it still says that it is there."""
    beat = last_heartbeat(visit.store, cut.id) if cut is not None else None
    if drill.state == "planned":
        return visit.now - drill.begun_at <= WARM_UP_S
    return visit.now - max(drill.begun_at, beat or 0.0) <= LOST_AFTER_S


def _rows(visit: Visit, outcome: DrillOutcome | None, found: Record | None) -> Sequence[Compared]:
    measured = outcome is not None and outcome.lifted_at > outcome.placed_at
    return compared(outcome, found, visit.settings.upstreams) if measured and outcome is not None else ()


def _plot(outcome: DrillOutcome, found: Record | None, *, live: bool) -> str:
    """The drill's moments, while it is ``live`` up to the last look; none where it placed no cut-off."""
    if outcome.lifted_at <= outcome.placed_at:
        return ""

    def after(at: float | None) -> float | None:
        return None if at is None else at - outcome.placed_at

    recovered = "good" if outcome.steady_at is not None else "open" if live else "bad"
    detected = found.detected_at if found is not None else None
    moments = [
        Moment("Cut off", 0.0),
        Moment("First request that met it", after(outcome.first_fault_at)),
        *([Moment("Gateway knew", after(detected))] if detected is not None else []),
        Moment("First answer of a replacement", after(outcome.first_replacement_at), recovered),
        Moment(STEADY, after(outcome.steady_at), recovered),
        Moment("This look" if live else "Given back", after(outcome.lifted_at)),
    ]
    met, steady = after(outcome.first_fault_at), after(outcome.steady_at)
    bars = [Stretch(STEADY, met, steady, "good")] if met is not None and steady is not None else []
    label = "When what happened, in seconds after the cut-off was placed"
    return timeline(moments, bars, label, missing="not yet" if live else "never")


def _said(unit: str, found: Range | None) -> tuple[str, str]:
    """A figure, and its interval with the number of requests."""
    if found is None:
        return "not measured", ""
    form, factor = UNITS[unit]
    value, low = form.format(found.value * factor), form.format(found.low * factor)
    if found.high is None:
        interval = f"at least {low}" if found.low else "no interval"
    else:
        interval = f"{low} to {form.format(found.high * factor)}"
    return value, f"[{interval}], {found.count:,} requests"


def _became(one: Seen) -> str:
    if one.failed:
        return "the caller got no answer"
    what = "answered by the replacement" if one.replaced else "answered all the same"
    return f"{what}, after meeting the fault" if one.faulted else what


def _entries(visit: Visit, drill: Drill) -> dict[str, object]:
    """What the evidence log says of it, and whether that is under a checkpoint that holds."""
    log = EvidenceLog(visit.settings.data_dir, visit.sources.clock)
    try:
        found = read(log)
        entries = found.since(
            moment(drill.begun_at - WARM_UP_S),
            lambda entry: drill.id in (entry.get("id"), entry.get("drill")),
            most=LISTED,
            look_at=LOOKED_AT,
        )
    except StoreUnavailable as error:
        return {"entries": (), "wrong": [str(error).partition("\n")[0]], "covered": 0}
    told = [(entry, sentence(entry)) for entry in entries]
    return {"entries": told, "wrong": found.wrong, "covered": found.covered}
