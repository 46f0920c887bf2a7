"""What a gateway tells about itself: its figures, those of the other workers, and what is degraded."""

from __future__ import annotations

from collections.abc import Iterator

from switchover.domain.budget import USD
from switchover.domain.register import Snapshot
from switchover.planning import ANSWERS, Pause, plan
from switchover.planning.breaker import CLOSED, HELD, OPEN, RANK
from switchover.planning.plan import TEMPLATE_CHANGED

from .budget import named
from .exposition import join, render
from .metric_table import PAUSED_UNTIL
from .metrics import Sample
from .parts import Gateway

AGE = "switchover_figures_age_seconds"


def own_page(gateway: Gateway) -> str:
    """This worker's figures as they are now."""
    return render(_samples(gateway), gateway.neighbours.worker)


def metrics_page(gateway: Gateway) -> bytes:
    """This worker's figures as they are now, and the other workers' as they last wrote them."""
    pages = [own_page(gateway), render([Sample(AGE, (), 0)], gateway.neighbours.worker)]
    for worker, age, page in gateway.neighbours.others():
        pages += [page, render([Sample(AGE, (), age)], worker)]
    return join(pages).encode()


def degraded(gateway: Gateway) -> list[str]:
    """What does not go as it should, in plain words, as this worker sees it."""
    snapshot, spool, board = gateway.source.current, gateway.spool, gateway.failover.board
    found = [] if spool.healthy else [f"recording: what comes waits in memory: {getattr(spool, 'trouble', 'no disk')}"]
    if spool.gaps:
        found.append(f"recording: {spool.gaps} records lost since this worker began")
    if gateway.classified.trouble:
        said = "privacy: personal data can't be looked for, so that requests count as secret"
        found.append(f"{said} ({gateway.classified.trouble})")
    if gateway.neighbours.trouble:
        stale = gateway.neighbours.stale_for
        found.append(f"register: for {stale:.0f} s no change has come through: {gateway.neighbours.trouble}")
    found += [f"{name}: its baseline is lost" for name in snapshot.baseline_lost]
    found += [f"{name}: its proofs are suspended: {one.why}" for name, one in snapshot.suspended.items()]
    found += list(_spent(gateway))
    now = gateway.clock.monotonic()
    for name, spec in snapshot.upstreams.items():
        state = board.state(spec, now)
        if state in (OPEN, HELD):
            found.append(f"{name}: its breaker is {state} ({board.reasons(spec)})")
        for asked, side in gateway.boards.items():
            if side is not board and side.state(spec, now) in (OPEN, HELD):
                found.append(f"{name}: not asked for {asked} ({side.reasons(spec)})")
    found += [f"{name}: {pause}" for name, pause in _pauses(gateway)]
    return found + list(_lost_engines(snapshot, gateway.clock.now()))


def _spent(gateway: Gateway) -> Iterator[str]:
    """Budgets that are used up, and a ledger that can't be reached. What was spent is not for everyone."""
    budgets, now = gateway.budgets, gateway.clock.now()
    if budgets.trouble:
        yield "budgets: the ledger can't be reached, only what is held is spent (`switchover doctor` says why)"
    for lease in budgets.leases:
        if lease.settled >= lease.limit and now < lease.span.end:
            crossed = "is used up" if lease.hard else "is crossed, and soft"
            yield f"budgets: {named(lease.budget)} for the {lease.period} {crossed}"


def _lost_engines(snapshot: Snapshot, now: float) -> Iterator[str]:
    """Engines of our own that do not run or may not serve, and what has nothing else left without them."""
    for name, spec in snapshot.upstreams.items():
        users = [one for one in snapshot.processes.values() if name in one.upstreams]
        if not users or not (spec.is_own or spec.is_self_hosted):
            continue
        plans = {one.name: plan(snapshot, one.name, now) for one in users}
        reasons = [s.reason for one in plans.values() for s in one.skipped if s.upstream == name]
        if spec.is_own and spec.base_url is None and name not in snapshot.endpoints:
            said = f"{name}: its engine is not running (`switchover doctor` says why)"
        elif changed := next((one for one in reasons if one.startswith(TEMPLATE_CHANGED)), None):
            said = f"{name}: {changed}"
        else:
            continue
        alone = [one.name for one in users if one.baseline != name and len(plans[one.name].attempts) <= 1]
        none = [one.name for one in users if not plans[one.name].attempts]
        said += f"; no other replacement is left for {', '.join(alone)}" if alone else ""
        yield said + (f"; nothing serves {', '.join(none)}" if none else "")


def _samples(gateway: Gateway) -> Iterator[Sample]:
    snapshot, spool = gateway.source.current, gateway.spool
    yield from gateway.metrics.samples()
    yield from _breakers(gateway)
    for name in snapshot.suspended:
        yield Sample("switchover_proofs_suspended", (name,), 1)
    for name, pause in _pauses(gateway):
        yield Sample(PAUSED_UNTIL, (name,), pause.until)
    # A recorder without a disk has nothing more to make durable than what it has.
    durable: int = getattr(spool, "durable", spool.written)
    yield Sample("switchover_recording_lag_records", (), max(gateway.kept.last - durable, 0))
    yield Sample("switchover_recording_durable_total", (), durable)
    yield Sample("switchover_recording_lag_seconds", (), getattr(spool, "unsynced_for", 0.0))
    yield Sample("switchover_recording_gaps_total", (), spool.gaps)
    yield Sample("switchover_recording_healthy", (), int(spool.healthy))
    yield Sample("switchover_snapshot_version", (), snapshot.version)
    yield Sample("switchover_snapshot_age_seconds", (), max(gateway.clock.now() - snapshot.made_at, 0.0))
    yield Sample("switchover_register_stale_seconds", (), gateway.neighbours.stale_for)
    yield from _budgets(gateway)
    if gateway.teller is not None:
        yield Sample("switchover_log_lines_dropped_total", (), gateway.teller.dropped())
    if gateway.tracer is not None:
        yield Sample("switchover_spans_dropped_total", (), gateway.tracer.dropped)


def _budgets(gateway: Gateway) -> Iterator[Sample]:
    """What is spent in the periods that are now, where there is a budget."""
    budgets, now = gateway.budgets, gateway.clock.now()
    for lease in budgets.leases:
        if now >= lease.span.end:
            continue
        labels = (lease.budget, lease.period)
        yield Sample("switchover_budget_cap_usd", labels, lease.limit / USD)
        yield Sample("switchover_budget_settled_usd", labels, lease.settled / USD)
        yield Sample("switchover_budget_unknown_usd", labels, lease.unknown / USD)
        yield Sample("switchover_budget_leased_usd", labels, lease.leased / USD)
        yield Sample("switchover_budget_reserved_usd", labels, lease.reserved / USD)
    for of, count in budgets.refusals.items():
        yield Sample("switchover_budget_refusals_total", of, count)
    if budgets.leases or budgets.trouble:
        yield Sample("switchover_budget_ledger_reachable", (), int(not budgets.trouble))


def _pauses(gateway: Gateway) -> Iterator[tuple[str, Pause]]:
    """The upstreams whose credential is left alone, until which moment in Unix seconds. Drills have their own."""
    elapsed, now = gateway.clock.monotonic(), gateway.clock.now()
    for name, spec in gateway.source.current.upstreams.items():
        pause = gateway.failover.board.pause(spec, elapsed)
        if pause is not None:
            yield name, pause.shifted(now - elapsed)


def _breakers(gateway: Gateway) -> Iterator[Sample]:
    """By upstream, as the breaker of a credential is named after its reference, which may tell where the key lies."""
    now = gateway.clock.monotonic()
    for asked, board in gateway.boards.items():
        for name, spec in gateway.source.current.upstreams.items():
            for scope, state, reason in board.breakers(spec, now):
                if state is not CLOSED or asked == ANSWERS:
                    yield Sample("switchover_breaker_state", (name, scope, asked), RANK[state])
                if state is not CLOSED:
                    yield Sample("switchover_breaker_reason", (name, scope, asked, reason), 1)
