"""What would have to be done for a better placement: rehearse, drill, buy, name. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from switchover.domain.candidate import State
from switchover.domain.placement import Place, shared_control, shared_jurisdictions
from switchover.domain.process import Process, Provider

from .model import Fate
from .placing import LEVELS, Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What would make a better placement possible; ``command`` begins it, "" where none does."""

    what: str
    command: str = ""


def steps(
    process: Process,
    choices: Sequence[Choice],
    serves: Choice | None,
    providers: Mapping[str, Provider],
    kept: bool | None,
) -> Iterator[Step]:
    """What would have to be done, what costs least first. ``kept`` False: nothing stays in our own hands."""
    for one in choices[1:]:
        if one.proven and one.shown is not None and LEVELS[one.shown.fate] < LEVELS[Fate.DRILLED]:
            drill = f"switchover drill {process.name} --fault vanished --approver NAME"
            yield Step(what=_drill_words(one, process), command=drill)
    for one in choices[1:]:
        if one.barred is None and one.proof is None:
            yield _proving(process, one)
    for one in choices:
        if one.place is Place.OWN and one.barred is None:
            yield from _capacity_steps(one)
    for one in choices:
        if one.retires is not None and one.barred is None:
            yield Step(what=f"name and rehearse what follows {one.name} before it retires on {one.retires}")
    if len(choices) == 1:
        yield Step(what=f"name a fallback under processes.{process.name}.fallbacks, and rehearse it")
    elif serves is not None and not any(_is_apart(serves, one, providers) for one in choices if one is not serves):
        yield Step(what=f"name a fallback that is not lost together with {serves.name}")
    if kept is False and not any(one.place is Place.OWN and one.barred is None for one in choices):
        yield Step(what=f"name a fallback on our own machine under processes.{process.name}.fallbacks")
    for one in choices:
        if one.proven and one.cost is None:
            yield Step(what=f"say what {one.name} costs: upstreams.{one.name}.price, or costs.options for a machine")


def _is_apart(serves: Choice, one: Choice, providers: Mapping[str, Provider]) -> bool:
    return (
        one.barred is None
        and shared_control(serves.spec, one.spec, providers) is None
        and not shared_jurisdictions(serves.spec, one.spec, providers)
    )


def _drill_words(one: Choice, process: Process) -> str:
    fate = one.shown.fate if one.shown else Fate.UNTESTED
    return {
        Fate.UNTESTED: f"drill the switch to {one.name}",
        Fate.IN_PART: f"drill the switch to {one.name} on all of the traffic, or measure that all of it fits",
        Fate.TOO_SLOW: f"make the switch to {one.name} faster than {process.rto:.0f} s, and drill it again",
    }.get(fate, f"mend what made the drill of {one.name} fail, and drill it again")


def _proving(process: Process, one: Choice) -> Step:
    if process.rehearse is None:
        return Step(what=f"say under processes.{process.name}.rehearse how {one.name} is judged, and rehearse it")
    if one.verdict is not None and one.verdict.state is State.NOT_READY:
        return Step(what=f"make {one.name} good enough, or name another", command=f"switchover adapt {process.name}")
    again = " again" if one.verdict is not None else ""
    return Step(
        what=f"rehearse {one.name}{again}: {one.unproven}",
        command=f"switchover rehearse {process.name} --candidate {one.name}",
    )


def _capacity_steps(one: Choice) -> Iterator[Step]:
    carried = one.carried
    if carried is None or carried.per_minute is None:
        yield Step(what=f"measure what {one.name} carries: its next rehearsal times it")
    elif carried.share is not None and carried.share < 1:
        machines = math.ceil(carried.peak_minute / carried.per_minute)
        more = machines - 1
        yield Step(
            what=f"get {more} more machine{'' if more == 1 else 's'} like that of {one.name}: {machines} carry the "
            f"busiest minute, {machines + 1} with one to spare"
        )
