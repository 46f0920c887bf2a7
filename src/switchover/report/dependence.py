"""Traffic → what falls with each provider and jurisdiction, and how concentrated it is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from switchover.domain.cut_off import Drill, Target, TargetKind
from switchover.domain.process import Criticality, Process
from switchover.domain.register import Snapshot
from switchover.planning.plan import plan

from .model import Fate, Loss, ProcessFate, Traffic
from .standing import passed_drill


def targets(snapshot: Snapshot) -> list[Target]:
    """Every provider and jurisdiction that an upstream of some process depends on, own machines left out."""
    used = {name for process in snapshot.processes.values() for name in process.upstreams}
    hosts = {snapshot.upstreams[name].host for name in used if not snapshot.upstreams[name].is_own}
    homes = {
        home
        for host in hosts
        if host in snapshot.providers
        for home in (snapshot.providers[host].home, snapshot.providers[host].parent_home)
        if home
    }
    return [Target(TargetKind.PROVIDER, host) for host in sorted(hosts)] + [
        Target(TargetKind.JURISDICTION, home) for home in sorted(homes)
    ]


def losses(snapshot: Snapshot, traffic: Mapping[str, Traffic], drills: Sequence[Drill], now: float) -> tuple[Loss, ...]:
    """What becomes of every process under each loss, and the share of critical volume that goes on."""
    return tuple(_loss(target, snapshot, traffic, drills, now) for target in targets(snapshot))


def _loss(
    target: Target, snapshot: Snapshot, traffic: Mapping[str, Traffic], drills: Sequence[Drill], now: float
) -> Loss:
    fates = tuple(_fate(process, target, snapshot, drills, now) for process in snapshot.processes.values())
    volume = {
        name: found.exchanges
        for name, found in traffic.items()
        if name in snapshot.processes and snapshot.processes[name].criticality is Criticality.CRITICAL
    }
    total = sum(volume.values())

    def share(counted: Iterable[str]) -> float | None:
        return sum(volume.get(name, 0) for name in counted) / total if total else None

    return Loss(
        target=target,
        surviving=share(fate.process for fate in fates if fate.fate.survives),
        proven=share(fate.process for fate in fates if fate.fate is not Fate.STOPS),
        fates=fates,
    )


def _fate(process: Process, target: Target, snapshot: Snapshot, drills: Sequence[Drill], now: float) -> ProcessFate:
    planned = plan(snapshot, process.name, now, without=(target,))
    if not planned.attempts:
        reasons = "; ".join(f"{skipped.upstream}: {skipped.reason}" for skipped in planned.skipped)
        return ProcessFate(process=process.name, fate=Fate.STOPS, served_by=None, why=reasons or "no upstream")
    first = planned.attempts[0]
    name = first.upstream.name
    if first.proof is None:
        return ProcessFate(process=process.name, fate=Fate.UNTOUCHED, served_by=name, why="its baseline is not lost")
    drill = passed_drill(process, first.proof, drills)
    if drill is None or drill.outcome is None:
        why = f"{name} holds proof {first.proof.id}; no drill of it has passed"
        return ProcessFate(process=process.name, fate=Fate.UNTESTED, served_by=name, why=why)
    took = drill.outcome.rto
    if took is None or took > process.rto:
        why = f"drill {drill.id} took longer than the {process.rto:.0f} s promised"
        return ProcessFate(process=process.name, fate=Fate.TOO_SLOW, served_by=name, why=why)
    why = f"{name} holds proof {first.proof.id}; drill {drill.id} recovered in {took:.1f} s of {process.rto:.0f} s"
    return ProcessFate(process=process.name, fate=Fate.DRILLED, served_by=name, why=why)


def concentration(snapshot: Snapshot, traffic: Mapping[str, Traffic]) -> dict[str, float]:
    """Herfindahl index (0–1; 1 = one holds all) of answers by upstream, host, developer and jurisdiction.

    Source: the sum of squared shares, as competition authorities use it.
    """
    levels: dict[str, dict[str, int]] = {"upstream": {}, "host": {}, "developer": {}, "jurisdiction": {}}
    for found in traffic.values():
        for name, count in found.by_upstream.items():
            spec = snapshot.upstreams.get(name)
            if spec is None:
                continue
            provider = snapshot.providers.get(spec.host)
            keys = (name, spec.host, spec.developer, provider.home if provider else "unknown")
            for level, key in zip(levels, keys, strict=True):
                levels[level][key] = levels[level].get(key, 0) + count
    return {level: _herfindahl(counts.values()) for level, counts in levels.items() if counts}


def _herfindahl(counts: Iterable[int]) -> float:
    amounts = list(counts)
    total = sum(amounts)
    return sum((amount / total) ** 2 for amount in amounts)
