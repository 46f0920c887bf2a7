"""Store → whom all rests on; for each node what falls with it, what survives, in how long, and at what cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from switchover.domain.candidate import Cell, Proof, Verdict
from switchover.domain.cut_off import Drill, Target
from switchover.domain.process import Criticality, Process, Settings
from switchover.domain.register import Snapshot
from switchover.store import Store
from switchover.store.drills import drills
from switchover.store.exchanges import list_exchanges
from switchover.store.proofs import newest_verdicts, proofs

from .carrying import capacities, shares_carried
from .dependence import Losses, surviving_of
from .graph import HELD, Graph, Level, Node, graph, lost_with
from .model import Fate, ProcessFate
from .moving import Moving
from .recorded import loads, recorded

# Exchanges to look at behind one line.
EXAMPLES = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Survival:
    """The shares of critical volume (0–1) that are shown to go on, and that a proof says go on; None: none recorded."""

    surviving: float | None
    proven: float | None

    @property
    def stops(self) -> float | None:
        """What is not shown to go on: untested counts as failing."""
        return None if self.surviving is None else 1 - self.surviving


@dataclass(frozen=True, slots=True, kw_only=True)
class Falling:
    """A process under a loss: its ``fate``, how long a drill took, and what the replacement costs more in a month.

    ``node`` is what is lost. ``dearer`` is in USD, or says why nobody knows; None: nothing else answers.
    ``verdict`` (id) gave the proof; ``exchanges`` are ids, ``of_drill`` those of the drill, or else the newest.
    """

    node: Node
    process: Process
    fate: ProcessFate
    drill: Drill | None
    dearer: Decimal | str | None
    verdict: str | None
    exchanges: tuple[str, ...]
    of_drill: bool

    @property
    def moves(self) -> bool:
        """Whether something else answers."""
        return self.fate.served_by is not None and self.fate.fate is not Fate.UNTOUCHED


class Depending:
    """The graph of what is recorded, and what its nodes take with them. Raises StoreUnavailable."""

    def __init__(self, store: Store, settings: Settings, snapshot: Snapshot, now: float) -> None:
        self.store, self.settings, self.snapshot, self.now = store, settings, snapshot, now
        counted = recorded(store, now)
        self.graph: Graph = graph(counted.flows, snapshot)
        self.volumes: Mapping[str, int] = counted.volumes
        self.proofs, self.drills = proofs(store), drills(store)
        self.verdicts = newest_verdicts(store)
        self._lost: dict[tuple[Level, str], tuple[ProcessFate, ...]] = {}
        self.losses = Losses(snapshot, counted.volumes, self.proofs, self.drills, now, self._carries())

    def _carries(self) -> dict[tuple[str, str], float | None]:
        upstreams = self.snapshot.upstreams
        if not any(upstreams[name].is_own for one in self.snapshot.processes.values() for name in one.upstreams):
            return {}
        in_date = [
            one for one in self.proofs if one.expires_at > self.now and one.upstream not in self.snapshot.suspended
        ]
        return shares_carried(capacities(self.settings, loads(self.store), self.verdicts, in_date))

    def node(self, level: Level, name: str) -> Node | None:
        """The node of this name."""
        return next((one for one in self.graph.at(level) if one.name == name), None)

    def survival(self, node: Node) -> Survival | None:
        """What goes on without it; None for a process, a route and ourselves."""
        if not self._without(node):
            return None
        surviving, proven = surviving_of(self._fates(node))
        return Survival(surviving=surviving, proven=proven)

    def falls(self, node: Node) -> list[Falling]:
        """Every process that has an upstream among what is lost with the node: those worst off first."""
        without = self._without(node)
        touched = [one for one in self.snapshot.processes.values() if self.losses.touches(without, one)]
        return self._ordered((node, process, self.losses.fate(process, without)) for process in touched)

    def single_points(self) -> list[tuple[Process, list[Node]]]:
        """Each process with the nodes without any one of which nobody answers it any more; critical processes first."""
        found: dict[str, list[Node]] = {}
        for node in (one for level in HELD for one in self.graph.at(level)):
            for fate in self._fates(node):
                if fate.fate is Fate.STOPS:
                    found.setdefault(fate.process, []).append(node)
        order = list(Criticality)
        processes = sorted(self.snapshot.processes.values(), key=lambda one: order.index(one.criticality))
        return [(one, found[one.name]) for one in processes if one.name in found]

    def leans_on(self, process: Process) -> list[Falling]:
        """Every node that takes an upstream of the process with it: those that hurt most first."""
        found = []
        for level in HELD:
            for node in self.graph.at(level):
                without = self._without(node)
                if self.losses.touches(without, process):
                    found.append((node, process, self.losses.fate(process, without)))
        return self._ordered(found)

    def _without(self, node: Node) -> tuple[Target, ...]:
        return lost_with(node.level, node.name, self.snapshot)

    def _fates(self, node: Node) -> tuple[ProcessFate, ...]:
        place = (node.level, node.name)
        if place not in self._lost:
            self._lost[place] = self.losses.fates(self._without(node))
        return self._lost[place]

    def _ordered(self, found: Iterable[tuple[Node, Process, ProcessFate]]) -> list[Falling]:
        order, levels = list(Fate), list(Level)
        lines = list(found)
        moved = {process.name for _, process, fate in lines if self._moves(process, fate)}
        # What a month uses is read hour by hour, so of those alone that something else would answer.
        moving = Moving(self.store, self.settings, self.verdicts, self.now, moved) if moved else None
        made = [self._falling(node, process, fate, moving) for node, process, fate in lines]
        made.sort(key=lambda one: (-order.index(one.fate.fate), levels.index(one.node.level), -one.fate.exchanges))
        return made

    def _moves(self, process: Process, fate: ProcessFate) -> bool:
        today = self.losses.today(process).served_by
        return fate.served_by is not None and today is not None and fate.served_by != today

    def _falling(self, node: Node, process: Process, fate: ProcessFate, moving: Moving | None) -> Falling:
        today = self.losses.today(process).served_by
        drill = next((one for one in self.drills if one.id == fate.drill), None)
        proof = next((one for one in self.proofs if one.id == fate.proof), None)
        exchanges, of_drill = self._examples(process, drill)
        dearer = None
        if moving is not None and self._moves(process, fate):
            dearer = moving.dearer(process.name, today or "", fate.served_by or "")
        return Falling(
            node=node,
            process=process,
            fate=fate,
            drill=drill,
            dearer=dearer,
            verdict=_verdict(proof, self.verdicts),
            exchanges=exchanges,
            of_drill=of_drill,
        )

    def _examples(self, process: Process, drill: Drill | None) -> tuple[tuple[str, ...], bool]:
        """Ids of exchanges in the drill, or else of the newest ones; and whether they are the drill's."""
        if drill is not None and drill.outcome is not None:
            found = self._newest(process, drill.outcome.placed_at, drill.outcome.lifted_at)
            if found:
                return found, True
        return self._newest(process, None, None), False

    def _newest(self, process: Process, since: float | None, until: float | None) -> tuple[str, ...]:
        found = list_exchanges(self.store, process=process.name, since=since, until=until, limit=EXAMPLES, bodies=False)
        return tuple(one.id for one in found)


def _verdict(proof: Proof | None, newest: Sequence[Verdict]) -> str | None:
    """The newest verdict of the proof's cell."""
    if proof is None:
        return None
    cell = Cell(
        process=proof.process,
        upstream=proof.upstream,
        fingerprint=proof.fingerprint,
        prompt_version=proof.prompt_version,
        grader=proof.grader,
        epoch=proof.epoch,
    )
    return next((one.id for one in newest if one.cell.id == cell.id), None)
