"""Where a process is placed: who serves it and who stands in, as a person decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum

from .cut_off import Target, TargetKind
from .process import Criticality, Provider, UpstreamSpec


class Place(StrEnum):
    """Where an upstream runs."""

    OWN = "own"
    OTHER_HOST = "other host"
    VENDOR = "vendor"


class Substitutability(StrEnum):
    """How hard it is to replace who serves; DORA register of information, RT.07.01.0050."""

    NONE = "not substitutable"
    HARD = "highly complex"
    MEDIUM = "medium complexity"
    EASY = "easily substitutable"


class Impact(StrEnum):
    """What it means if who serves stops; DORA register of information, RT.07.01.0100."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


def controller(host: str, providers: Mapping[str, Provider]) -> str:
    """The organisation in control of a host: its parent, or itself."""
    found = providers.get(host)
    return (found.parent if found else None) or host


def place_of(spec: UpstreamSpec, providers: Mapping[str, Provider]) -> Place:
    """A vendor serves models of its own (or of its group); another host serves somebody else's."""
    if spec.is_own or spec.is_self_hosted:
        return Place.OWN
    same = controller(spec.host, providers) == controller(spec.developer, providers)
    return Place.VENDOR if same else Place.OTHER_HOST


def shared_control(one: UpstreamSpec, other: UpstreamSpec, providers: Mapping[str, Provider]) -> str | None:
    """The organisation with which both are lost; None where they are not. Our own machines are one such."""
    first, second = (controller(spec.host, providers) for spec in (one, other))
    if place_of(one, providers) is place_of(other, providers) is Place.OWN:
        return first
    return first if first == second else None


def shared_jurisdictions(one: UpstreamSpec, other: UpstreamSpec, providers: Mapping[str, Provider]) -> tuple[str, ...]:
    """The homes of hosts and their parents with which both are lost."""
    host = providers.get(one.host)
    homes = dict.fromkeys(home for home in (host.home, host.parent_home) if home) if host else {}
    targets = [Target(TargetKind.JURISDICTION, home) for home in homes]
    return tuple(found.name for found in targets if all(found.covers(spec, providers) for spec in (one, other)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What a person signed about a process; None where they did not."""

    criticality: Criticality | None = None
    substitutability: Substitutability | None = None
    impact: Impact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A person's decision on a process: ``serves`` answers, from this place, and ``replacement`` stands in (None:

    nobody). ``number`` counts those of the process, from 1; the next one supersedes it. ``review_on`` is an ISO day:
    once it has passed the review is overdue. ``follows``: it is what was proposed. ``proposed`` says the proposal
    with its reasons and their evidence as JSON, ``basis`` what the decision rests on, each by name.
    """

    id: str
    process: str
    number: int
    place: Place
    serves: str
    replacement: str | None
    reason: str
    review_on: str
    made_at: float
    made_by: str
    follows: bool
    proposed: str
    basis: Mapping[str, str]
    signed: Signed = field(default_factory=Signed)

    def is_overdue(self, now: float) -> bool:
        """Whether its review was due on a day (UTC) that has passed by ``now`` (Unix seconds)."""
        return datetime.fromtimestamp(now, UTC).date() > date.fromisoformat(self.review_on)
