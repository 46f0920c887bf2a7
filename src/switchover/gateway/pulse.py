"""Four times a second: how late the event loop is, and what has changed among breakers and in the register."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from itertools import product

from switchover.clock import Clock
from switchover.domain.register import Snapshot
from switchover.log import Level, Log
from switchover.planning import Board, BreakerState
from switchover.planning.breaker import CLOSED, HELD, OPEN

from .metrics import Histogram
from .snapshot import SnapshotSource

EVERY_S = 0.25
LEVELS: dict[BreakerState, Level] = {OPEN: "warning", HELD: "error"}


class Pulse:
    """Measures the loop's lag into ``lag``; tells ``log`` of breakers that moved and of registers that came into force.

    ``boards`` of breakers are by what is asked for. ``follow(snapshot)`` is called at each look, so that a register is
    gone by without waiting for a request; ``moved()`` when a breaker did or another register came into force. One that
    moved there and back between two looks is not told.
    """

    def __init__(
        self,
        source: SnapshotSource,
        boards: Mapping[str, Board],
        lag: Histogram,
        clock: Clock,
        log: Log | None,
        *,
        follow: Callable[[Snapshot], None],
        moved: Callable[[], None],
    ) -> None:
        self._source, self._boards, self._lag, self._clock = source, boards, lag, clock
        self._log, self._follow, self._moved = log if log is not None else _unheard, follow, moved
        self._states: dict[tuple[str, str, str], BreakerState] = {}
        self._snapshot: Snapshot | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to look, on the running loop."""
        self._task = asyncio.create_task(self._beat())

    async def stop(self) -> None:
        """Ends looking."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def look(self) -> None:
        """Tells what has changed since the last look."""
        log, is_moved = self._log, False
        snapshot, now = self._source.current, self._clock.monotonic()
        self._follow(snapshot)
        if snapshot is not self._snapshot:
            self._snapshot, is_moved = snapshot, True
            log("register in force", version=snapshot.version, cut_offs=[cut.id for cut in snapshot.cut_offs])
        for (asked, board), (name, spec) in product(self._boards.items(), snapshot.upstreams.items()):
            for scope, state, reason in board.breakers(spec, now):
                before = self._states.get((asked, name, scope), CLOSED)
                if state is before:
                    continue
                self._states[asked, name, scope] = state
                is_moved = True
                log(
                    f"breaker {state.value}",
                    level=LEVELS.get(state, "info"),
                    upstream=name,
                    scope=scope,
                    asked_for=asked,
                    before=before.value,
                    fault=None if state is CLOSED else reason,
                )
        if is_moved:
            self._moved()

    async def _beat(self) -> None:
        clock = self._clock
        while True:
            before = clock.monotonic()
            await clock.sleep(EVERY_S)
            self._lag.add(max(clock.monotonic() - before - EVERY_S, 0.0))
            self.look()


def _unheard(event: str, *, level: Level = "info", **fields: object) -> None:
    """Nobody keeps a log."""
