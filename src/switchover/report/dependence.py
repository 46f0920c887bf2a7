"""Traffic → what falls with each provider and jurisdiction, and how concentrated it is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from switchover.domain.candidate import Proof
from switchover.domain.cut_off import Drill, Target, TargetKind
from switchover.domain.jurisdiction import EU
from switchover.domain.process import Criticality, Process, UpstreamSpec
from switchover.domain.register import Snapshot
from switchover.planning import BreakerState, Pause, Plan
from switchover.planning.plan import plan

from .model import Fate, Loss, ProcessFate, Traffic
from .standing import shown


def targets(snapshot: Snapshot) -> list[Target]:
    """Every provider and jurisdiction that an upstream of some process depends on, own machines left out.

    A provider is the organisation in control: two with one parent are lost together, and count once, under its name.
    A jurisdiction is the home of a host or of its parent; the EU is one where two of its members are.
    """
    processes = snapshot.processes.values()
    used = {name for process in processes for name in (*process.upstreams, *process.embeddings)}
    hosts = {snapshot.upstreams[name].host for name in used if not snapshot.upstreams[name].is_own}
    homes = {
        home
        for host in hosts
        if host in snapshot.providers
        for home in (snapshot.providers[host].home, snapshot.providers[host].parent_home)
        if home
    }
    if len(homes & EU) > 1:
        homes.add("EU")
    in_control = {controller(host, snapshot) for host in hosts}
    return [Target(TargetKind.PROVIDER, name) for name in sorted(in_control)] + [
        Target(TargetKind.JURISDICTION, home) for home in sorted(homes)
    ]


def controller(host: str, snapshot: Snapshot) -> str:
    """The organisation in control of a host: its parent, or itself."""
    provider = snapshot.providers.get(host)
    return (provider.parent if provider else None) or host


class Losses:
    """Works out what each loss does; built once with what all losses share.

    ``proofs`` are all that were not revoked; ``carries`` maps (process, upstream) to the measured share of the busiest
    minute; ``rests_on`` maps a process to the simulated upstreams that its figures rest on. ``breakers`` and ``pauses``
    (in Unix seconds) are those of this moment, by upstream; absent: all are closed, none waits.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        traffic: Mapping[str, Traffic],
        proofs: Sequence[Proof],
        drills: Sequence[Drill],
        now: float,
        carries: Mapping[tuple[str, str], float | None],
        rests_on: Mapping[str, tuple[str, ...]],
        breakers: Mapping[str, BreakerState] | None = None,
        pauses: Mapping[str, Pause] | None = None,
    ) -> None:
        self.snapshot, self.traffic, self.now = snapshot, traffic, now
        self.breakers, self.pauses = breakers, pauses
        self.proofs, self.drills = proofs, drills
        self.carries, self.rests_on = carries, rests_on

    def all(self) -> tuple[Loss, ...]:
        """What becomes of every process under each loss, and the share of critical volume that goes on."""
        return tuple(self.of(target) for target in targets(self.snapshot))

    def plan(self, process: str, *lost: Target) -> Plan:
        """The plan of a process, supposing targets lost."""
        return plan(self.snapshot, process, self.now, breakers=self.breakers, pauses=self.pauses, without=lost)

    def of(self, target: Target) -> Loss:
        """One loss."""
        fates = tuple(self._fate(process, target) for process in self.snapshot.processes.values())
        critical = [fate for fate in fates if fate.critical]
        total = sum(fate.exchanges for fate in critical)
        surviving = sum(fate.exchanges * fate.shown for fate in critical)
        waiting = sum(fate.exchanges * (1 - fate.shown) for fate in critical if fate.fate.open)
        rests = {name for fate in critical for name in self.rests_on.get(fate.process, ())}
        fallen = [s for s in self.snapshot.upstreams.values() if target.covers(s, self.snapshot.providers)]
        return Loss(
            target=target,
            loses=tuple(spec.name for spec in fallen),
            happened=all(self._cut_off(spec) for spec in fallen),
            surviving=surviving / total if total else None,
            proven=(surviving + waiting) / total if total else None,
            fates=fates,
            simulated=tuple(sorted(rests)),
        )

    def _cut_off(self, spec: UpstreamSpec) -> bool:
        return any(
            cut.fault is None
            and not cut.processes
            and cut.in_force(self.now)
            and cut.target.covers(spec, self.snapshot.providers)
            for cut in self.snapshot.cut_offs
        )

    def _fate(self, process: Process, target: Target) -> ProcessFate:
        after = self.plan(process.name, target)
        recorded = self.traffic.get(process.name)

        def fate(what: Fate, part: float, why: str, proof: str | None = None, drill: str | None = None) -> ProcessFate:
            return ProcessFate(
                process=process.name,
                critical=process.criticality is Criticality.CRITICAL,
                # A replacement is proven for answers in words; embeddings have none but the same model.
                exchanges=recorded.exchanges - recorded.embeddings if recorded else 0,
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


def _reasons(planned: Plan) -> str:
    return "; ".join(f"{one.upstream}: {one.reason}" for one in planned.skipped) or "no upstream is configured"


def concentration(snapshot: Snapshot, traffic: Mapping[str, Traffic]) -> dict[str, float]:
    """Herfindahl index (0–1; 1 = one holds all) of recorded answers, by who could end them.

    Levels: upstream, provider (the organisation in control), developer, jurisdiction (of whoever is in control).
    Source: the sum of squared shares, as competition authorities use it.
    """
    levels: dict[str, dict[str, int]] = {"upstream": {}, "provider": {}, "developer": {}, "jurisdiction": {}}
    for found in traffic.values():
        for name, count in found.by_upstream.items():
            spec = snapshot.upstreams.get(name)
            if spec is None:
                continue
            provider = snapshot.providers.get(spec.host)
            home = (provider.parent_home or provider.home) if provider else "unknown"
            keys = (name, controller(spec.host, snapshot), spec.developer, home)
            for level, key in zip(levels, keys, strict=True):
                levels[level][key] = levels[level].get(key, 0) + count
    return {level: _herfindahl(counts.values()) for level, counts in levels.items() if counts}


def _herfindahl(counts: Iterable[int]) -> float:
    amounts = list(counts)
    total = sum(amounts)
    return sum((amount / total) ** 2 for amount in amounts)
