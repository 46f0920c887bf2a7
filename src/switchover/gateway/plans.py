"""Plans kept while nothing they rest on changes, and the upstreams of the snapshot in force."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from switchover.clock import Clock, Onward
from switchover.domain.ports import Upstream
from switchover.domain.process import DataClass, UpstreamSpec
from switchover.domain.register import Snapshot
from switchover.errors import ConfigError, Denied, NoUpstream, SwitchoverError, UpstreamError
from switchover.planning import Board, BreakerState, Pause, Plan, plan_request

from .admit import Call
from .attempt import meets
from .failover import Failover

log = logging.getLogger(__name__)

Factory = Callable[[UpstreamSpec, str | None], Upstream]
Key = tuple[str, frozenset[str], DataClass | None]


class Plans:
    """Makes a plan per process, need and class of data, and keeps it until snapshot, breakers or time change it."""

    def __init__(self, factory: Factory, clock: Clock) -> None:
        self._factory, self._clock, self._onward = factory, clock, Onward(clock)
        # Those whose boards of breakers follow the snapshot.
        self.failovers: Iterable[Failover] = ()
        self._snapshot: Snapshot | None = None
        self._kept: dict[Key, tuple[int, float, Plan]] = {}
        self._upstreams: dict[str, tuple[UpstreamSpec, str | None, Upstream]] = {}
        self._checked: set[str] = set()

    def plan_for(self, call: Call, snapshot: Snapshot, failover: Failover) -> Plan:
        """The plan of one call; a drill in whose share it falls shows it that drill's own breakers.

        ``failover`` is the one that tries calls with such needs. Raises NoUpstream for a process that was removed since
        it was asked.
        """
        self.follow(snapshot)
        key, now = (call.process.name, call.peek.needs, call.data), self._onward.now()
        board = failover.board
        kept = self._kept.get(key)
        if kept is None or kept[0] != board.version or now >= kept[1]:
            kept = self._kept[key] = self._make(snapshot, key, board, now)
        made = kept[2]
        if made.is_drilled and any(meets(attempt.drill_cut, call.id) for attempt in made.attempts):
            return self._drilled(snapshot, key, failover, made, call, now)
        return made

    def follow(self, snapshot: Snapshot) -> None:
        """Goes by this snapshot from now on: what it restores or changes is let go, with or without a request."""
        if snapshot is not self._snapshot:
            self._swap(snapshot)

    def upstream(self, spec: UpstreamSpec) -> Upstream:
        """The upstream of a spec. Raises Denied when it can't be made, as when its key can't be read."""
        kept = self._upstreams.get(spec.name)
        if kept is not None and spec.name in self._checked:
            return kept[2]
        base_url = self._snapshot.endpoints.get(spec.name, spec.base_url) if self._snapshot else spec.base_url
        if kept is None or kept[0] != spec or kept[1] != base_url:
            try:
                kept = (spec, base_url, self._factory(spec, base_url))
            except UpstreamError:
                raise
            except SwitchoverError as cause:
                proxied = isinstance(cause, ConfigError) and cause.at == "egress.proxy_login"
                secret = "the login of its proxy" if proxied else "its key"
                said = f"{spec.name} can't be called: {secret} can't be read"
                raise Denied(said, fault="secrets-unavailable") from cause
            self._upstreams[spec.name] = kept
        self._checked.add(spec.name)
        return kept[2]

    def _make(self, snapshot: Snapshot, key: Key, board: Board, now: float) -> tuple[int, float, Plan]:
        if key[0] not in snapshot.processes:
            raise NoUpstream(f"{key[0]} is configured no more; ask whoever runs this gateway")
        elapsed = self._clock.monotonic()
        states = self._states(snapshot, key[0], board, elapsed)
        pauses = self._pauses(snapshot, key[0], board, elapsed, now)
        made = plan_request(snapshot, key[0], now, breakers=states, pauses=pauses, needs=key[1], data=key[2])
        until = min(made.until, now + max(board.next_change() - elapsed, 0.0))
        return board.version, until, made

    def _drilled(self, snapshot: Snapshot, key: Key, failover: Failover, made: Plan, call: Call, now: float) -> Plan:
        elapsed = self._clock.monotonic()
        states = self._states(snapshot, key[0], failover.board, elapsed)
        pauses = self._pauses(snapshot, key[0], failover.board, elapsed, now)
        for attempt in made.attempts:
            if meets(attempt.drill_cut, call.id):
                name, board = attempt.upstream.name, failover.board_for(attempt, call.id)
                states[name] = board.state(attempt.upstream, elapsed)
                pause = board.pause(attempt.upstream, elapsed)
                if pause is not None:
                    pauses[name] = pause.shifted(now - elapsed)
        return plan_request(snapshot, key[0], now, breakers=states, pauses=pauses, needs=key[1], data=key[2])

    def _states(self, snapshot: Snapshot, process: str, board: Board, elapsed: float) -> dict[str, BreakerState]:
        return {name: board.state(snapshot.upstreams[name], elapsed) for name in _all(snapshot, process)}

    def _pauses(self, snapshot: Snapshot, process: str, board: Board, elapsed: float, now: float) -> dict[str, Pause]:
        found = {name: board.pause(snapshot.upstreams[name], elapsed) for name in _all(snapshot, process)}
        return {name: pause.shifted(now - elapsed) for name, pause in found.items() if pause is not None}

    def _swap(self, snapshot: Snapshot) -> None:
        """A new snapshot: forget plans; clear breakers whose upstream changed or was restored."""
        old, self._snapshot = self._snapshot, snapshot
        self._kept.clear()
        self._checked.clear()
        in_force = {cut.id for cut in snapshot.cut_offs}
        for failover in self.failovers:
            for lapsed in [drill for drill in failover.drills if drill not in in_force]:
                del failover.drills[lapsed]
        if old is None:
            return
        now = self._clock.monotonic()
        for name, spec in old.upstreams.items():
            if snapshot.upstreams.get(name) != spec:
                self._clear(spec, now)
        for name, at in snapshot.restored.items():
            if at > old.restored.get(name, 0.0) and name in snapshot.upstreams:
                self._clear(snapshot.upstreams[name], now)
                # Made anew, so that a credential replaced behind the same reference is read.
                self._upstreams.pop(name, None)
        for process in set(old.baseline_lost) - set(snapshot.baseline_lost):
            if process in old.processes:
                self._clear(old.upstreams[old.processes[process].baseline], now)

    def _clear(self, spec: UpstreamSpec, now: float) -> None:
        for failover in self.failovers:
            failover.board.clear(spec, now)


def _all(snapshot: Snapshot, process: str) -> set[str]:
    """Every upstream that a process may use, for answers or for embeddings."""
    return {*snapshot.processes[process].upstreams, *snapshot.processes[process].embeddings}
