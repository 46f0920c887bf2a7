"""The kill switch: what would happen, then a reason and for how long, then the act; looked at anew when it is done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import escape
from starlette.responses import Response

from switchover.domain.cut_off import Target, TargetKind
from switchover.domain.process import Settings
from switchover.errors import OperatorError
from switchover.faults import FAULTS
from switchover.report.cutting import Effect, Move, Preview, choices, preview
from switchover.report.losing import Basis
from switchover.report.moving import Moving
from switchover.report.wording import LONGEST
from switchover.store.drills import cut_offs

from .now import basis_of
from .running import Running
from .visit import Visit

# What somebody who has to sign in again finds filled in.
FIELDS = ("target", "reason", "until")
# By what a form says: in words, and in seconds.
UNTIL: Mapping[str, tuple[str, float | None]] = {
    "lifted": ("until somebody lifts it", None),
    "15m": ("for 15 minutes", 900.0),
    "1h": ("for an hour", 3600.0),
    "4h": ("for 4 hours", 14_400.0),
}


@dataclass(frozen=True, slots=True)
class Changed:
    """A process for which something else would happen than was shown: then and now, in words."""

    process: str
    then: str
    now: str


def show(visit: Visit) -> Response:
    """What can be cut off; with ``target`` what would happen."""
    return _page(visit, visit.asked)


def take(visit: Visit) -> Response:
    """Cuts the target off, unless something else would happen than was shown: then that is shown first."""
    actor, form = visit.check("cut", None), visit.form
    target = _target(visit.settings, form.get("target", ""))
    if target is None or form.get("do") == "look":
        return _page(visit, form)
    reason, until = form.get("reason", "").strip(), form.get("until", "")
    if not reason or len(reason) > LONGEST:
        return _page(visit, form, 400, wrong=f"Say why, in at most {LONGEST} characters: it goes into the record.")
    if until not in UNTIL:
        return _page(visit, form, 400, wrong="Say for how long.")
    if form.get("anyway") != "yes":
        changed = changes(form.get("shown", ""), _preview(visit, target)[1])
        if changed:
            return _page(visit, form, 409, changed=changed)
    cut, is_new = visit.sources.cut(visit.settings, target, reason, UNTIL[until][1], actor)
    return visit.see(f"/?placed={cut.id}" + ("" if is_new else "&told=already"))


def _page(
    visit: Visit, given: Mapping[str, str], status: int = 200, *, wrong: str = "", changed: tuple[Changed, ...] = ()
) -> Response:
    target = _target(visit.settings, given.get("target", ""))
    if target is None:
        return visit.page("cut_choose.html", choices=choices(_basis(visit, visit.sources.running(visit.settings))))
    basis, found = _preview(visit, target)
    in_force = cut_offs(visit.store, in_force_at=visit.now)
    return visit.page(
        "cut.html",
        status,
        target=target,
        found=found,
        effects=Effect,
        verdict_of=basis.verdict_of,
        shown=escape(told(found)),
        given=given,
        until=UNTIL,
        most=LONGEST,
        wrong=wrong,
        changed=changed,
        already=[cut for cut in in_force if cut.target == target and cut.fault is None],
        may=visit.may("cut", None),
        drills=[move for move in found.moves if move.effect in (Effect.MOVES, Effect.STOPS)],
        two_people=target.kind is not TargetKind.UPSTREAM,
        drillable=[move.process.name for move in found.moves if _drillable(visit, move, target)],
        faults=sorted(FAULTS),
    )


def _drillable(visit: Visit, move: Move, target: Target) -> bool:
    """Whether who asks may drill the loss for a process; it has to take the process's baseline."""
    process = move.process
    baseline = visit.settings.upstreams[process.baseline]
    return target.covers(baseline, visit.settings.providers) and visit.may("drill", process.name)


def _basis(visit: Visit, running: Running) -> Basis:
    return basis_of(visit, running, visit.sources.told(visit.settings))


def _preview(visit: Visit, target: Target) -> tuple[Basis, Preview]:
    running = visit.sources.running(visit.settings)
    basis = _basis(visit, running)
    moving = Moving(visit.store, visit.settings, basis.verdicts, visit.now, visit.settings.processes)
    return basis, preview(basis, target, moving, running=bool(running.serving))


def _target(settings: Settings, text: str) -> Target | None:
    """What is named; None where nothing is. Raises OperatorError for what names nothing of the configuration."""
    if not text:
        return None
    try:
        target = Target.parse(text)
    except ValueError as cause:
        raise OperatorError(str(cause), mend="choose from the list of what can be cut off") from cause
    if not any(target.covers(spec, settings.providers) for spec in settings.upstreams.values()):
        raise OperatorError(f"{target} covers no upstream", mend="choose from the list of what can be cut off")
    return target


def told(found: Preview) -> str:
    """What a preview says of each process, for the form to bring back: who answers it then."""
    return json.dumps({move.process.name: move.after or "" for move in found.moves}, sort_keys=True)


def changes(shown: str, found: Preview) -> tuple[Changed, ...]:
    """The processes of which the form's preview said something else; one that brings none was shown nothing."""
    try:
        before = json.loads(shown)
    except ValueError:
        before = None
    if not isinstance(before, dict):
        before = {}
    differing = []
    for move in found.moves:
        name, after = move.process.name, move.after or ""
        if before.get(name) != after:
            then = before.get(name)
            words = "was not shown" if not isinstance(then, str) else _answered(then)
            differing.append(Changed(name, words, _answered(after)))
    return tuple(differing)


def _answered(name: str) -> str:
    return f"answered by {name}" if name else "stopped"
