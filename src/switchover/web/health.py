"""What does not go as it should at this moment, and how each upstream goes: put together from all who know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from switchover.domain.process import Provider, UpstreamSpec
from switchover.domain.register import Snapshot
from switchover.domain.watching import Probe
from switchover.gateway import health
from switchover.gateway.exposition import read
from switchover.gateway.health import Seen
from switchover.planning import ANSWERS, NEEDS, Pause, asked_for
from switchover.planning.breaker import CLOSED
from switchover.report.losing import Basis
from switchover.store import Store
from switchover.store.lately import Fault, Newest
from switchover.store.traffic import gaps
from switchover.store.watching import newest_probes

from .running import OK, Running, Told

DAY_S = 86_400.0
# A register is in force at every worker within a second of being written, and told by all of them in another.
FOLLOWED_S = 2.0
# What requests are for, answers first.
KINDS = tuple(dict.fromkeys((ANSWERS, *(asked_for(frozenset([need])) for need in sorted(NEEDS)))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """How an upstream goes.

    ``breakers`` are those of answers that are not closed; ``asked`` and ``failed`` count the last minutes, ``fault`` is
    the last failure in them; ``probe`` None: it was never asked itself.
    """

    spec: UpstreamSpec
    provider: Provider | None
    breakers: tuple[Seen, ...]
    pause: Pause | None
    cut: bool
    runs: bool
    asked: int
    failed: int
    fault: Fault | None
    probe: Probe | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is not as it should be: in a sentence, and the page that says more."""

    said: str
    link: str = ""


def upstreams(store: Store, snapshot: Snapshot, told: Told, newest: Newest, now: float) -> list[Upstream]:
    """Each upstream of the configuration. Raises StoreUnavailable."""
    seen, probes = health.breakers(told.pages, ANSWERS), newest_probes(store)
    waiting = health.pauses(told.pages, now)
    real = [cut for cut in snapshot.cut_offs if cut.fault is None and cut.in_force(now)]
    return [
        Upstream(
            spec=spec,
            provider=snapshot.providers.get(spec.host),
            breakers=tuple(one for one in seen if one.upstream == name),
            pause=waiting.get(name),
            cut=any(cut.target.covers(spec, snapshot.providers) for cut in real),
            runs=not spec.is_own or spec.base_url is not None or name in snapshot.endpoints,
            asked=newest.tried.get(name, (0, 0))[0],
            failed=newest.tried.get(name, (0, 0))[1],
            fault=newest.faults.get(name),
            probe=probes.get(name),
        )
        for name, spec in snapshot.upstreams.items()
    ]


def troubles(
    store: Store, basis: Basis, running: Running, told: Told, found: list[Upstream], now: float
) -> list[Trouble]:
    """All that is degraded, the worst first. Raises StoreUnavailable."""
    return [
        *_processes(basis),
        *_upstreams(basis.losses.snapshot, told, found),
        *_machine(running, told),
        *_record(store, told, now),
    ]


def _processes(basis: Basis) -> Iterator[Trouble]:
    snapshot = basis.losses.snapshot
    for name, process in snapshot.processes.items():
        found, link = basis.losses.plan(name), f"/processes/{name}"
        if not found.attempts:
            yield Trouble(f"{name} is answered by nobody. {found.why_not}.", link)
            continue
        first = found.attempts[0]
        if first.upstream.name != process.baseline:
            why = next((one.reason for one in found.skipped if one.upstream == process.baseline), "it is passed over")
            lost = snapshot.baseline_lost.get(name)
            since = "" if lost is None else f" since {_clock(lost)}"
            alone = "" if len(found.attempts) > 1 else f" Nothing is left behind {first.upstream.name}."
            said = f"{name} is answered by {first.upstream.name}, and not by {process.baseline}{since}: {why}.{alone}"
            yield Trouble(said, link)
        elif first.drill_cut is not None:
            share = f"{first.drill_cut.share * 100:.0f} %"
            yield Trouble(f"{name} is in a drill: {share} of its calls meet “{first.drill_cut.fault}”.", link)


def _upstreams(snapshot: Snapshot, told: Told, found: list[Upstream]) -> Iterator[Trouble]:
    for one in found:
        name = one.spec.name
        for breaker in one.breakers:
            why = f"{breaker.scope}: {breaker.fault}" if breaker.fault else breaker.scope
            yield Trouble(f"{name}: its breaker is {breaker.state} ({why}).")
        if one.pause is not None:
            yield Trouble(f"{name}: {one.pause}.")
        if not one.runs and any(name in process.upstreams for process in snapshot.processes.values()):
            yield Trouble(f"{name}: its engine is not running; `switchover doctor` says why.")
        if one.probe is not None and one.probe.failed is not None:
            at = _clock(one.probe.at)
            yield Trouble(f"{name}: its last probe failed in its {one.probe.failed}, {at}: {one.probe.said}")
    for kind in KINDS[1:]:
        for breaker in health.breakers(told.pages, kind):
            if breaker.state is not CLOSED:
                yield Trouble(f"{breaker.upstream}: not asked for {kind}, its breaker is {breaker.state}.")
    for name, suspension in snapshot.suspended.items():
        yield Trouble(f"{name}: its proofs are suspended since {_clock(suspension.at)}: {suspension.why}.")


def _machine(running: Running, told: Told) -> Iterator[Trouble]:
    if not running.is_up:
        return
    for child in running.children:
        if not child.lives:
            yield Trouble(f"{child.name} is down; `switchover up` starts it again.")
    if running.keeper is not None:
        for what, said in (
            ("The configuration is refused, and the one before is in force", running.keeper.configuration),
            ("The evidence log can't be written", running.keeper.evidence),
            ("The ledger of budgets can't be reached", running.keeper.budgets),
        ):
            if said != OK:
                yield Trouble(f"{what}: {said}")
    yield from _behind(running, told)


def _behind(running: Running, told: Told) -> Iterator[Trouble]:
    """Workers that still go by an older register than the one that the keeper wrote for them a while ago."""
    written = None if running.keeper is None else running.keeper.snapshot_version
    if written is None or (running.register_age or 0.0) < FOLLOWED_S:
        return
    for worker, age, page in told.pages:
        behind = [int(value) for _, value in read(page, "switchover_snapshot_version") if value < written]
        if behind:
            yield Trouble(f"{worker} went by register {behind[0]} of {written}, {age:.0f} s ago.")


def _record(store: Store, told: Told, now: float) -> Iterator[Trouble]:
    for worker, _, page in told.pages:
        if any(not value for _, value in read(page, "switchover_recording_healthy")):
            yield Trouble(f"{worker} can't write the record: what comes waits in memory.")
        caps = {(one["budget"], one["period"]): value for one, value in read(page, "switchover_budget_cap_usd")}
        for one, value in read(page, "switchover_budget_settled_usd"):
            of = (one["budget"], one["period"])
            if value >= caps.get(of, float("inf")):
                yield Trouble(f"The budget of {of[0]} for the {of[1]} is used up, says {worker}.")
    missing = gaps(store, now - DAY_S)
    if missing:
        count = sum(records for _, _, records, _ in missing)
        known = f"{count} records" if count else "an unknown number of records"
        _, last, _, why = missing[0]
        yield Trouble(f"The record lacks {known} of the last 24 hours, last noticed {_clock(last)}: {why}.")


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def restarted(running: Running) -> Mapping[str, int]:
    """Children that were started again, and how often."""
    return {child.name: child.restarts for child in running.children if child.restarts}
