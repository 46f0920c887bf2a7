"""What the report says: four answers, and for every figure where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from switchover.domain.candidate import Proof, Verdict
from switchover.domain.cut_off import CutOff, Drill, Target
from switchover.domain.process import Process


class Fate(StrEnum):
    """What becomes of a process when something is lost. Untested counts as failing, and is called untested."""

    UNTOUCHED = "untouched"
    DRILLED = "proven and drilled"
    UNTESTED = "proven, never drilled"
    TOO_SLOW = "proven, drilled too slow"
    STOPS = "stops"

    @property
    def survives(self) -> bool:
        """True when the process is shown to go on within its RTO and margin."""
        return self in (Fate.UNTOUCHED, Fate.DRILLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What one process was asked in the window; ``peak_minute`` is its busiest minute's count.

    ``first`` and ``last`` are moments; ``by_upstream`` counts answers, ``examples`` are exchange ids to look at.
    """

    process: str
    exchanges: int
    failed: int
    first: float
    last: float
    peak_minute: int
    by_upstream: dict[str, int]
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFate:
    """One process under one loss; ``served_by`` is None when nothing answers, and ``why`` says what decided."""

    process: str
    fate: Fate
    served_by: str | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One provider or jurisdiction lost. ``surviving`` and ``proven`` are shares of critical volume, 0–1, or None.

    ``surviving`` counts what is shown to go on; ``proven`` adds what has a proof but no drill that passed.
    """

    target: Target
    surviving: float | None
    proven: float | None
    fates: tuple[ProcessFate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a process stands."""

    process: Process
    traffic: Traffic | None
    verdicts: tuple[Verdict, ...]
    proof: Proof | None
    drill: Drill | None
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """One process × upstream: may it see the data, and did it?"""

    process: str
    data: str
    routes: tuple[str, ...]
    upstream: str
    host: str
    home: str
    own: bool
    allowed: bool
    answered: int

    @property
    def violation(self) -> bool:
        """True when it saw what the policy keeps from it."""
        return self.answered > 0 and not self.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What a process cost in the window, and the same use over 24 months. ``scenarios`` maps percent → cumulative USD.

    ``priced`` of ``exchanges`` had a price; ``gaps`` name the others. ``monthly`` is None when nothing was priced.
    """

    process: str
    exchanges: int
    priced: int
    spent: Decimal
    window: float
    monthly: Decimal | None
    scenarios: dict[int, tuple[Decimal, ...]]
    sources: tuple[str, ...]
    gaps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What an own upstream carries of a process's recorded peak. ``None`` means not measured."""

    process: str
    upstream: str
    verdict: str | None
    state: str
    seconds_per_answer: float | None
    slots: int
    per_minute: float | None
    peak_minute: int
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardReport:
    """The four answers at one moment, with what they rest on."""

    made_at: float
    organisation: dict[str, object]
    simulated: tuple[str, ...]
    standings: tuple[Standing, ...]
    losses: tuple[Loss, ...]
    concentration: dict[str, float]
    permissions: tuple[Permission, ...]
    spend: tuple[Spend, ...]
    capacity: tuple[Capacity, ...]
    drills: tuple[Drill, ...]
    cut_offs: tuple[CutOff, ...]
