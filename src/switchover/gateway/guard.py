"""One timer per request for all its deadlines, and the watch for a caller who leaves."""

from __future__ import annotations

import asyncio
import math

from .asgi_types import Message, Receive

# An answer that comes sooner is never worth a watching task; later, a caller's leaving is seen within a loop's turn.
WATCH_AFTER_S = 0.05

CALLER_LEFT = "caller-left"
CALLER_SLOW = "caller-slow"
TOO_SLOW = "slow-first-token"
STALLED = "stall-midway"


class Guard:
    """Cancels the request's task when a deadline passes or the caller leaves; ``fired`` says why.

    Re-arming costs an assignment: the timer is moved only when the new deadline is earlier than its next ring.
    """

    __slots__ = ("_deadline", "_loop", "_rings_at", "_task", "_timer", "_watch", "_watching", "_why", "done", "fired")

    def __init__(self, receive: Receive) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is handled in a task")
        self._task: asyncio.Task[object] = task
        self._loop = asyncio.get_running_loop()
        self._watch: asyncio.Task[Message] | None = None
        self._watching: Receive | None = receive
        self._deadline = math.inf
        self._why = ""
        self.fired: str | None = None
        self.done = False
        self._rings_at = self._loop.time() + WATCH_AFTER_S
        self._timer: asyncio.TimerHandle | None = self._loop.call_at(self._rings_at, self._ring)

    def arm(self, seconds: float, why: str) -> None:
        """Cancels in so many seconds unless armed anew or disarmed."""
        self._deadline = self._loop.time() + seconds
        self._why = why
        if self._deadline < self._rings_at:
            self._set(self._deadline)

    def disarm(self) -> None:
        """No deadline."""
        self._deadline = math.inf

    def take(self, why: str) -> bool:
        """True when the task was cancelled for this reason; the cancellation is thereby dealt with."""
        if self.fired != why:
            return False
        self.fired = None
        self._task.uncancel()
        return True

    def close(self) -> None:
        """The request is over: nothing is watched any more."""
        self.done = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._watch is not None and not self._watch.done():
            self._watch.cancel()

    def _set(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = when
        self._timer = self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._rings_at = math.inf
        if self.done:
            return
        if self._watching is not None:
            receive, self._watching = self._watching, None
            self._watch = self._loop.create_task(_next(receive))
            self._watch.add_done_callback(self._left)
        if self._loop.time() >= self._deadline - 0.001:
            self._fire(self._why)
        elif self._deadline != math.inf:
            self._set(self._deadline)
        else:
            # Whoever arms next sets the timer: an infinite ring time is later than any deadline.
            self._rings_at = math.inf

    def _left(self, watch: asyncio.Task[Message]) -> None:
        if not self.done and not watch.cancelled() and watch.exception() is None:
            self._fire(CALLER_LEFT)

    def _fire(self, why: str) -> None:
        if self.fired is None:
            self._deadline = math.inf
            self.fired = why
            self._task.cancel()


async def _next(receive: Receive) -> Message:
    """The next message that means anything: after the body, that is the caller's leaving."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return message
