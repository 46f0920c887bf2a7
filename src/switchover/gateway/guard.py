"""The deadlines of all requests on one timer, and a caller's leaving."""

from __future__ import annotations

import asyncio
import math

from .caller import Caller

TICK_S = 0.05

CALLER_LEFT = "caller-left"
CALLER_SLOW = "caller-slow"
TOO_SLOW = "slow-first-token"
STALLED = "stall-midway"


class Watch:
    """Looks at the deadlines of its guards every 50 ms, while there are any: a deadline costs a request no timer."""

    def __init__(self) -> None:
        self.guards: set[Guard] = set()
        self._ticking = False

    def add(self, guard: Guard) -> None:
        """Watches a guard until it is closed."""
        self.guards.add(guard)
        if not self._ticking:
            self._ticking = True
            guard.loop.call_later(TICK_S, self._tick, guard.loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        overdue = []
        for guard in self.guards:
            if guard.moved:
                guard.moved = False
                guard.deadline = now + guard.seconds
            elif guard.deadline <= now:
                overdue.append(guard)
        for guard in overdue:
            guard.ring()
        self._ticking = bool(self.guards)
        if self._ticking:
            loop.call_later(TICK_S, self._tick, loop)


class Guard:
    """Cancels the request's task when a deadline passes or the caller leaves; ``fired`` says why.

    Whoever sets ``moved`` puts the deadline off: it counts anew from the next look.
    """

    __slots__ = ("_task", "_watch", "_why", "deadline", "fired", "loop", "moved", "seconds")

    def __init__(self, watch: Watch, caller: Caller) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is handled in a task")
        self._task: asyncio.Task[object] = task
        self.loop = task.get_loop()
        self.deadline = self.seconds = math.inf
        self.moved = False
        self._why = ""
        self.fired: str | None = None
        self._watch = watch
        watch.add(self)
        caller.on_left = self._left
        if caller.left:
            self._left()

    def arm(self, seconds: float, why: str) -> None:
        """Cancels in so many seconds unless armed anew or disarmed."""
        self.deadline = self.loop.time() + seconds
        self.seconds, self._why = seconds, why
        self.moved = False

    def disarm(self) -> None:
        """No deadline."""
        self.deadline = self.seconds = math.inf
        self.moved = False

    def take(self, why: str) -> bool:
        """True when the task was cancelled for this reason; the cancellation is thereby dealt with."""
        if self.fired != why:
            return False
        self.fired = None
        self._task.uncancel()
        return True

    def close(self) -> None:
        """The request is over: nothing is watched any more."""
        self._watch.guards.discard(self)

    def ring(self) -> None:
        """The deadline has passed."""
        self._fire(self._why)

    def _left(self) -> None:
        if self in self._watch.guards:
            self._fire(CALLER_LEFT)

    def _fire(self, why: str) -> None:
        if self.fired is None:
            self.deadline = math.inf
            self.fired = why
            self._task.cancel()
