"""What a gateway tells about itself: its figures, those of the other workers, and what is degraded."""

from __future__ import annotations

from collections.abc import Iterator

from switchover.planning.breaker import CLOSED, HELD, OPEN, RANK

from .exposition import join, render
from .handle import Gateway
from .metrics import Sample

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
    found = [] if spool.healthy else ["recording: the spool is not healthy"]
    if spool.gaps:
        found.append(f"recording: {spool.gaps} records lost since this worker began")
    if gateway.neighbours.trouble:
        stale = gateway.neighbours.stale_for
        found.append(f"register: for {stale:.0f} s no change has come through: {gateway.neighbours.trouble}")
    found += [f"{name}: its baseline is lost" for name in snapshot.baseline_lost]
    now = gateway.clock.monotonic()
    for name, spec in snapshot.upstreams.items():
        state = board.state(spec, now)
        if state in (OPEN, HELD):
            found.append(f"{name}: its breaker is {state} ({board.reasons(spec)})")
        for dialect, failover in gateway.aside.items():
            if failover.board.state(spec, now) in (OPEN, HELD):
                found.append(f"{name}: not asked for {dialect} ({failover.board.reasons(spec)})")
    return found


def _samples(gateway: Gateway) -> Iterator[Sample]:
    snapshot, spool = gateway.source.current, gateway.spool
    yield from gateway.metrics.samples()
    yield from _breakers(gateway)
    # A recorder without a disk has nothing more to make durable than what it has.
    durable: int = getattr(spool, "durable", spool.written)
    yield Sample("switchover_recording_lag_records", (), max(gateway.metrics.recorded - durable, 0))
    yield Sample("switchover_recording_gaps_total", (), spool.gaps)
    yield Sample("switchover_recording_healthy", (), int(spool.healthy))
    yield Sample("switchover_snapshot_version", (), snapshot.version)
    yield Sample("switchover_snapshot_age_seconds", (), max(gateway.clock.now() - snapshot.made_at, 0.0))
    yield Sample("switchover_register_stale_seconds", (), gateway.neighbours.stale_for)


def _breakers(gateway: Gateway) -> Iterator[Sample]:
    """By upstream, as the breaker of a credential is named after its reference, which may tell where the key lies."""
    board, now = gateway.failover.board, gateway.clock.monotonic()
    for name, spec in gateway.source.current.upstreams.items():
        for scope, state, reason in board.breakers(spec, now):
            yield Sample("switchover_breaker_state", (name, scope), RANK[state])
            if state is not CLOSED:
                yield Sample("switchover_breaker_reason", (name, scope, reason), 1)
