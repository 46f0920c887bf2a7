"""Traffic → what falls with each provider and jurisdiction, or with any other node of the graph. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from switchover.domain.candidate import Proof
from switchover.domain.cut_off import Drill, Target, TargetKind
from switchover.domain.process import Criticality, Process, UpstreamSpec
from switchover.domain.register import Snapshot
from switchover.planning import BreakerState, Pause, Plan
from switchover.planning.plan import plan

from .graph import controller, jurisdictions, used
from .model import Fate, Loss, ProcessFate
from .standing import shown


def targets(snapshot: Snapshot) -> list[Target]:
    """Every provider and jurisdiction that an upstream of some process depends on, own machines left out.

    A provider is the organisation in control: two with one parent are lost together, and count once, under its name.
    A jurisdiction is the home of a host or of its parent; the EU is one where two of its members are.
    """
    in_control = {controller(spec.host, snapshot) for spec in used(snapshot) if not spec.is_own}
    return [Target(TargetKind.PROVIDER, name) for name in sorted(in_control)] + [
        Target(TargetKind.JURISDICTION, home) for home in sorted(jurisdictions(snapshot))
    ]


class Losses:
    """Works out what each loss does; built once with what all losses share.

    ``volumes`` counts each process's requests for answers in words: a replacement is proven for those, and embeddings
    have none but the same model. ``proofs`` are all that were not revoked; ``carries`` maps (process, upstream) to the
    measured share of the busiest minute; ``rests_on`` a process to the simulated upstreams that its figures rest on.
    ``breakers`` and ``pauses`` (in Unix seconds) are those of now, by upstream; absent: closed, and none waits.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        volumes: Mapping[str, int],
        proofs: Sequence[Proof],
        drills: Sequence[Drill],
        now: float,
        carries: Mapping[tuple[str, str], float | None],
        rests_on: Mapping[str, tuple[str, ...]] | None = None,
        breakers: Mapping[str, BreakerState] | None = None,
        pauses: Mapping[str, Pause] | None = None,
    ) -> None:
        self.snapshot, self.volumes, self.now = snapshot, volumes, now
        self.breakers, self.pauses = breakers, pauses
        self.proofs, self.drills = proofs, drills
        self.carries, self.rests_on = carries, rests_on or {}
        self._untouched: dict[str, ProcessFate] = {}

    def all(self) -> tuple[Loss, ...]:
        """What becomes of every process under each loss, and the share of critical volume that goes on."""
        return tuple(self.of(target) for target in targets(self.snapshot))

    def plan(self, process: str, *lost: Target) -> Plan:
        """The plan of a process, supposing targets lost."""
        return plan(self.snapshot, process, self.now, breakers=self.breakers, pauses=self.pauses, without=lost)

    def of(self, target: Target) -> Loss:
        """One loss."""
        fates = self.fates((target,))
        surviving, proven = surviving_of(fates)
        rests = {name for fate in fates if fate.critical for name in self.rests_on.get(fate.process, ())}
        fallen = [s for s in self.snapshot.upstreams.values() if target.covers(s, self.snapshot.providers)]
        return Loss(
            target=target,
            loses=tuple(spec.name for spec in fallen),
            happened=all(self._cut_off(spec) for spec in fallen),
            surviving=surviving,
            proven=proven,
            fates=fates,
            simulated=tuple(sorted(rests)),
        )

    def fates(self, without: Sequence[Target]) -> tuple[ProcessFate, ...]:
        """What becomes of every process when all of these are lost at once."""
        return tuple(self.fate(process, without) for process in self.snapshot.processes.values())

    def fate(self, process: Process, without: Sequence[Target]) -> ProcessFate:
        """What becomes of one process when all of these are lost at once."""
        if self.touches(without, process):
            return self._planned(process, tuple(without))
        # Of many losses few touch a process: the others are one plan.
        if process.name not in self._untouched:
            self._untouched[process.name] = self._planned(process, ())
        return self._untouched[process.name]

    def today(self, process: Process) -> ProcessFate:
        """What becomes of it with nothing lost."""
        return self.fate(process, ())

    def touches(self, without: Iterable[Target], process: Process) -> bool:
        """Whether an upstream that may serve the process is lost with them."""
        specs = [self.snapshot.upstreams[name] for name in process.upstreams]
        return any(target.covers(spec, self.snapshot.providers) for target in without for spec in specs)

    def _cut_off(self, spec: UpstreamSpec) -> bool:
        return any(
            cut.fault is None
            and not cut.processes
            and cut.in_force(self.now)
            and cut.target.covers(spec, self.snapshot.providers)
            for cut in self.snapshot.cut_offs
        )

    def _planned(self, process: Process, without: tuple[Target, ...]) -> ProcessFate:
        after = self.plan(process.name, *without)

        def fate(what: Fate, part: float, why: str, proof: str | None = None, drill: str | None = None) -> ProcessFate:
            return ProcessFate(
                process=process.name,
                critical=process.criticality is Criticality.CRITICAL,
                exchanges=self.volumes.get(process.name, 0),
                fate=what,
                shown=part,
                served_by=after.attempts[0].upstream.name if after.attempts else None,
                why=why,
                proof=proof,
                drill=drill,
            )

        if not after.attempts:
            today = self.plan(process.name)
            if not today.attempts:
                return fate(Fate.STOPPED, 0.0, _reasons(today))
            return fate(Fate.STOPS, 0.0, _reasons(after))
        first = after.attempts[0]
        name = first.upstream.name
        if first.proof is None and first.accepted is None:
            return fate(Fate.UNTOUCHED, 1.0, f"its baseline {name} is not lost")
        found = shown(process, first, self.proofs, self.drills, self.now, self.carries.get((process.name, name)))
        proof, drill = first.proof.id if first.proof else None, found.drill.id if found.drill else None
        return fate(found.fate, found.part, found.why, proof, drill)


def surviving_of(fates: Iterable[ProcessFate]) -> tuple[float | None, float | None]:
    """The shares (0–1) of critical volume that are shown to go on, and that a proof says go on; None without any."""
    critical = [fate for fate in fates if fate.critical]
    total = sum(fate.exchanges for fate in critical)
    if not total:
        return None, None
    surviving = sum(fate.exchanges * fate.shown for fate in critical)
    waiting = sum(fate.exchanges * (1 - fate.shown) for fate in critical if fate.fate.open)
    return surviving / total, (surviving + waiting) / total


def _reasons(planned: Plan) -> str:
    return "; ".join(f"{one.upstream}: {one.reason}" for one in planned.skipped) or "no upstream is configured"
