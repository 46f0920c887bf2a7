"""Criticality, substitutability and impact as the evidence suggests them; people sign for them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from switchover.domain.placement import Impact, Substitutability
from switchover.domain.process import Criticality, Process

from .model import Fate
from .placing import Choice
from .wording import share, span

# An ordinary process with this part of all that is asked is hardly ordinary.
MUCH = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """One of the three: ``value`` is proposed, for the reasons that ``said`` gives."""

    subject: str
    value: str
    said: str


def assess(process: Process, choices: Sequence[Choice], volume: float | None) -> tuple[Assessed, ...]:
    """Criticality, substitutability and impact, in this order. ``volume``: its part (0–1) of all exchanges."""
    criticality, said = _criticality(process, volume)
    hard, why = _substitutability(choices)
    impact, because = _impact(criticality, hard)
    return (
        Assessed(subject="criticality", value=criticality, said=said),
        Assessed(subject="substitutability", value=hard, said=why),
        Assessed(subject="impact", value=impact, said=because),
    )


def _criticality(process: Process, volume: float | None) -> tuple[Criticality, str]:
    asked = "no traffic is recorded" if volume is None else f"it has {share(volume)} of all that is asked"
    said = f"declared {process.criticality}; {asked}; back within {span(process.rto)} is promised; {process.data} data"
    if process.criticality is Criticality.ORDINARY and volume is not None and volume >= MUCH:
        return Criticality.IMPORTANT, f"{said}: more than its declaration says"
    return process.criticality, said


def _substitutability(choices: Sequence[Choice]) -> tuple[Substitutability, str]:
    """Untested counts as failing: what is not proven substitutes for nothing yet."""
    proven = [one for one in choices if one.proven and one.shown is not None]
    drilled = [one for one in proven if one.shown is not None and one.shown.fate is Fate.DRILLED]
    if drilled:
        return Substitutability.EASY, f"{drilled[0].name} is proven, and the switch to it is drilled"
    if proven:
        one = proven[0]
        return Substitutability.MEDIUM, f"{one.name} is {one.shown.fate if one.shown else 'proven'}"
    able = [one for one in choices[1:] if one.barred is None]
    if able:
        return Substitutability.HARD, f"nobody is proven: {able[0].name}: {able[0].unproven}"
    return Substitutability.NONE, "no fallback is configured that may serve it"


def _impact(criticality: Criticality, hard: Substitutability) -> tuple[Impact, str]:
    shown = hard is Substitutability.EASY
    goes_on = "it is shown to go on without who serves" if shown else "it is not shown to go on without who serves"
    value = {
        (Criticality.CRITICAL, False): Impact.HIGH,
        (Criticality.CRITICAL, True): Impact.MEDIUM,
        (Criticality.IMPORTANT, False): Impact.MEDIUM,
    }.get((criticality, shown), Impact.LOW)
    return value, f"{criticality}, and {goes_on}"
