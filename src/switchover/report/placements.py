"""Store → where each process should be placed, what was decided about it, and whether that still rests on the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from switchover.domain.placement import Decision
from switchover.domain.process import Process, Settings
from switchover.domain.register import Snapshot
from switchover.store import Store
from switchover.store.decisions import decisions
from switchover.store.drills import drills
from switchover.store.people import people
from switchover.store.proofs import newest_verdicts, proofs
from switchover.store.register import build_snapshot
from switchover.store.watching import retiring

from .assessing import Assessed, assess
from .choices import choices
from .model import Placed, Standing
from .placing import Choice
from .proposing import Proposal, basis, propose
from .quarter import Quarter
from .resting import Difference, changed
from .standing import standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision as it stands today. ``by`` is who took it, by name; ``changes`` are in what it rests on.

    ``carried_out``: who should serve by it does serve.
    """

    decision: Decision
    by: str
    overdue: bool
    changes: tuple[Difference, ...]
    carried_out: bool

    @property
    def shaken(self) -> bool:
        """Whether what it rests on has changed for the worse."""
        return any(change.worse for change in self.changes)

    @property
    def words(self) -> str:
        """Who serves and who stands in by it."""
        taken = self.decision
        return f"{taken.serves} ({taken.place}) serves, {taken.replacement or 'nobody'} stands in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A process: what is proposed, what was decided (``history`` has the decisions before), and what people signed.

    ``signed`` says by subject what was signed last and by whom; one that is not there nobody signed for.
    """

    process: Process
    standing: Standing
    choices: tuple[Choice, ...]
    proposal: Proposal
    assessed: tuple[Assessed, ...]
    decided: Decided | None
    history: tuple[Decided, ...]
    signed: Mapping[str, tuple[str, str]]

    @property
    def state(self) -> str:
        """In a word or two: proposed, decided, or what is wrong with what was decided."""
        if self.decided is None:
            return "proposed, not decided"
        if self.decided.overdue:
            return "review overdue"
        return "what it rests on has changed" if self.decided.shaken else "decided"

    def placed(self) -> Placed:
        """As the report has it."""
        proposal, found = self.proposal, self.decided
        line = Placed(
            process=self.process.name,
            said=proposal.said,
            place=None if proposal.place is None else str(proposal.place),
            serves=proposal.serves,
            replacement=proposal.replacement,
            kept=proposal.kept,
            state=self.state,
        )
        if found is None:
            return line
        return replace(
            line,
            follows=found.decision.follows,
            decided=found.words,
            by=found.by,
            decided_at=found.decision.made_at,
            review_on=found.decision.review_on,
            overdue=found.overdue,
            changes=tuple(str(change) for change in found.changes if change.worse),
        )


def placements(
    store: Store, settings: Settings, now: float, last: Quarter, only: Collection[str] | None = None
) -> dict[str, Placement]:
    """Every process (or ``only`` these) as of ``now`` (Unix seconds).

    ``settings`` are those with the chat templates that run. Own engines are taken to run, as a placement is for months.
    Raises StoreUnavailable.
    """
    engines = {name: "not running" for name, spec in settings.upstreams.items() if spec.is_own}
    snapshot = build_snapshot(store, settings, engines, now)
    build = _Build(store, settings, snapshot, last, now)
    wanted = settings.processes if only is None else [name for name in settings.processes if name in only]
    return {name: build.placement(settings.processes[name]) for name in wanted}


class _Build:
    """Builds each placement from what was read once."""

    def __init__(self, store: Store, settings: Settings, snapshot: Snapshot, last: Quarter, now: float) -> None:
        self.snapshot, self.last, self.now = snapshot, last, now
        self.newest, self.proofs, self.drills = newest_verdicts(store), proofs(store), drills(store)
        configured = {name: spec.retires for name, spec in settings.upstreams.items() if spec.retires is not None}
        self.retiring = configured | {name: one.day for name, one in retiring(store, settings).items()}
        self.names = {person.id: person.name for person in people(store)}
        self.decisions: dict[str, list[Decision]] = {}
        for one in decisions(store):
            self.decisions.setdefault(one.process, []).append(one)

    def placement(self, process: Process) -> Placement:
        found = choices(
            process, self.snapshot, self.newest, self.proofs, self.drills, self.now,
            peak_minute=self.last.peaks.get(process.name, 0),
            costs=self.last.costs.get(process.name),
            spent=self.last.spent.get(process.name),
            retiring=self.retiring,
        )  # fmt: skip
        carries = {(process.name, one.name): one.carried.share if one.carried else None for one in found}
        taken = [self._decided(process, found, one) for one in self.decisions.get(process.name, ())]
        return Placement(
            process=process,
            standing=standing(process, None, self.newest, self.snapshot, self.proofs, self.drills, self.now, carries),
            choices=found,
            proposal=propose(process, found, self.snapshot.providers),
            assessed=assess(process, found, self.last.share(process.name)),
            decided=taken[0] if taken else None,
            history=tuple(taken[1:]),
            signed=_signed(taken),
        )

    def _decided(self, process: Process, found: tuple[Choice, ...], one: Decision) -> Decided:
        today = basis(process, found, self.snapshot.providers, one.serves, one.replacement)
        return Decided(
            decision=one,
            by=self.names.get(one.made_by, one.made_by),
            overdue=one.is_overdue(self.now),
            changes=changed(one.basis, today, one.serves),
            carried_out=process.baseline == one.serves,
        )


def _signed(taken: list[Decided]) -> dict[str, tuple[str, str]]:
    """By subject the value that was signed last, and who signed it."""
    found: dict[str, tuple[str, str]] = {}
    for one in reversed(taken):
        signed = one.decision.signed
        for subject in ("criticality", "substitutability", "impact"):
            if (value := getattr(signed, subject)) is not None:
                found[subject] = (str(value), one.by)
    return found
