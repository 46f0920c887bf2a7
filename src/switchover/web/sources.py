"""What the pages ask of the rest, put together by wiring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from switchover.clock import Clock
from switchover.config.showing import InForce
from switchover.costs.ahead import Inputs
from switchover.domain.budget import BudgetStanding
from switchover.domain.candidate import Verdict
from switchover.domain.cut_off import CutOff, Target
from switchover.domain.people import Actor
from switchover.domain.process import Process, Settings
from switchover.domain.register import Snapshot
from switchover.evidence.events import Note
from switchover.report.quarter import Quarter
from switchover.store import Store

from .projections import Projections
from .running import Running, Told
from .session import Sessions
from .sittings import Sittings

# The verdict whose cell people label: of a process, a candidate and maybe a prompt version. Raises NotFound.
Labelled = Callable[[Store, Process, str, str | None], Verdict]


# Cuts a target off for a reason and so many seconds (None: until it is lifted): what is in force, and whether that is
# new. Raises NotFound, StoreUnavailable.
@dataclass(frozen=True, slots=True, kw_only=True)
class DrillAsked:
    """A drill that somebody asks for: ``share`` of the process's calls (0–1) meets it, for so many ``seconds``."""

    process: str
    target: Target
    fault: str
    share: float
    seconds: float
    approver: str | None
    hypothesis: str


Cut = Callable[[Settings, Target, str, float | None, Actor], tuple[CutOff, bool]]
# Lifts a cut-off by its id: as it is now, and who lifted it. Raises NotFound, StoreUnavailable.
Lift = Callable[[Settings, str, Actor], tuple[CutOff, str]]
# Makes and keeps a report in which upstreams of these names stand in for real ones; its id. Raises SwitchoverError.
Issue = Callable[[Settings, Actor, Sequence[str]], str]


class Finding(Protocol):
    """One thing that a doctor looked at; ``said`` says what is wrong and how to mend it, or that it is well."""

    @property
    def what(self) -> str:
        """What was looked at."""
        ...

    @property
    def well(self) -> bool:
        """Whether it is as it should be."""
        ...

    @property
    def said(self) -> str:
        """What was found."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """``settings`` in force now; ``as_seen`` adds what upstreams were seen to be; ``store`` opens it, or raises.

    ``snapshot`` is the register now, with own engines as if they ran.

    ``noting(settings, actor)`` gives who takes events to the evidence log. ``local`` is the machine's user, who acts
    while there are no people. ``sittings`` are those of people who label; ``labelled`` finds what they label.
    ``in_force`` is the configuration as it was read; ``examined`` what a doctor finds.
    ``quarter`` is what the last quarter tells that placements rest on, some minutes old at most.
    ``budgets`` as they stand; ``projected`` is what a projection made now rests on; ``projections`` keeps the newest.
    ``running`` and ``told`` say what runs here and what its workers say; ``cut``, ``drill`` and ``lift`` act.
    ``issue`` makes a report.
    """

    settings: Callable[[], Settings]
    as_seen: Callable[[Settings], Settings]
    store: Callable[[], Store]
    snapshot: Callable[[Settings, Store], Snapshot]
    noting: Callable[[Settings, Actor | None], AbstractContextManager[Note]]
    local: Callable[[], Actor]
    clock: Clock
    sessions: Sessions
    sittings: Sittings
    labelled: Labelled
    in_force: Callable[[], InForce]
    examined: Callable[[Settings], Sequence[Finding]]
    quarter: Callable[[Store, Settings], Quarter]
    budgets: Callable[[Settings], Sequence[BudgetStanding]]
    projected: Callable[[Settings, Store], Inputs]
    projections: Projections
    running: Callable[[Settings], Running]
    told: Callable[[Settings], Told]
    cut: Cut
    drill: Callable[[Settings, DrillAsked, Actor], None]
    lift: Lift
    issue: Issue
