"""The deadlines of all requests on one timer, and a caller's leaving."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable

from .caller import Caller

TICK_S = 0.05
# Looks at deadlines to one at how a stream goes on.
LOOK_EVERY = 20

CALLER_LEFT = "caller-left"
CALLER_SLOW = "caller-slow"
TOO_SLOW = "slow-first-token"
OUT_OF_TIME = "caller-deadline"
STALLED = "stall-midway"

log = logging.getLogger(__name__)


class Watch:
    """Looks at the deadlines of its guards every 50 ms, while there are any: a deadline costs a request no timer."""

    def __init__(self) -> None:
        self.guards: set[Guard] = set()
        self._ticking = False
        self._ticks = 0

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
                deadline = now + guard.seconds
                counted = deadline - guard.deadline
                # Half the time of max(), for every open stream at every look.
                if counted > guard.longest:
                    guard.longest = counted
                guard.deadline = deadline
            elif guard.deadline <= now:
                overdue.append(guard)
        for guard in overdue:
            guard.ring()
        self._ticks += 1
        if self._ticks >= LOOK_EVERY:
            self._ticks = 0
            for look in [guard.look for guard in self.guards if guard.look is not None]:
                try:
                    look()
                except Exception:
                    # One stream's trouble is not that of the others, whose deadlines hang on this timer.
                    log.exception("a stream can't be looked at")
        self._ticking = bool(self.guards)
        if self._ticking:
            loop.call_later(TICK_S, self._tick, loop)


class Guard:
    """Cancels the request's task when a deadline passes or the caller leaves; ``fired`` says why.

    Whoever sets ``moved`` puts the deadline off: it counts anew from the next look. ``longest`` is how long it had
    counted before it was put off, at most; it is known to the look. ``look`` is called once a second while it is set.
    """

    __slots__ = ("_task", "_watch", "_why", "deadline", "fired", "longest", "look", "loop", "moved", "seconds")

    def __init__(self, watch: Watch, caller: Caller) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is handled in a task")
        self._task: asyncio.Task[object] = task
        self.loop = task.get_loop()
        self.deadline = self.seconds = math.inf
        self.moved = False
        self.longest = 0.0
        self.look: Callable[[], None] | None = None
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

    def silence(self) -> float:
        """The longest time that passed without the deadline being put off, up to now."""
        return max(self.longest, self.loop.time() + self.seconds - self.deadline)

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
        self.longest = max(self.longest, self.seconds)
        self._fire(self._why)

    def _left(self) -> None:
        if self in self._watch.guards:
            self._fire(CALLER_LEFT)

    def _fire(self, why: str) -> None:
        if self.fired is None:
            self.deadline = math.inf
            self.fired = why
            self._task.cancel()
