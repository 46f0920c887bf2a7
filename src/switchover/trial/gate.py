"""The one way to an upstream for all trials of a run: at its pace, and never in the way of live traffic.

Whoever is asked to wait waits, for as long as patience lasts; the call is then put off to a later run, as how busy a
provider is at this hour says nothing of its model.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable

from switchover.clock import Clock
from switchover.planning.pauses import LONGEST_S, Pauses

from .pace import Pace
from .replay import Reply, Sign

# As long as a quota per minute, or a busy hour's worst, takes to recover; a quota per day does not within a run.
PATIENCE_S = 900.0
FIRST_WAIT_S = 1.0
# A live route meets the same refusal: without a word on how long, half the minute that quotas are counted by.
FIRST_LIVE_WAIT_S = 30.0
# Of a quota that live traffic draws on too, so much is left to it.
LEFT_TO_LIVE = 0.5
LOW_QUOTA_WAIT_S = 5.0
# How often to look whether callers are being answered.
LIVE_LOOK_S = 2.0


class PutOff(Exception):
    """Not asked, or not answered, for no fault of the model's: left for a later run. Says why."""


class Gate:
    """Calls of one upstream. ``pauses`` are shared by all gates of a run, as upstreams may share a ``credential``.

    ``live``: live routes draw on the same quota. ``busy`` says whether callers are being answered by this very engine,
    which then has no slot to spare. ``waiting`` says what is waited for, "" where nothing is; ``told`` is called when
    that changes. ``must_answer``: who turns us away ends the run, else that is a reply like any other.
    """

    def __init__(
        self,
        name: str,
        pace: Pace,
        clock: Clock,
        *,
        pauses: Pauses | None = None,
        credential: Hashable = None,
        live: bool = False,
        busy: Callable[[], bool] | None = None,
        must_answer: bool = True,
    ) -> None:
        self.name, self.pace = name, pace
        self.waiting = ""
        self.told: Callable[[], None] = lambda: None
        self._clock, self._pauses, self._live, self._busy = clock, pauses or Pauses(), live, busy
        self._credential = credential if credential is not None else ("upstream", name)
        self._must_answer = must_answer
        self._queue: deque[asyncio.Future[None]] = deque()
        self._closed = ""
        shared = ", and live routes share its quota" if live else ""
        self._why = self._asked_to_wait = f"{name} asks us to wait{shared}"
        self._wait = self._first_wait = FIRST_LIVE_WAIT_S if live else FIRST_WAIT_S
        self._waits_since: float | None = None

    async def through(self, call: Callable[[], Awaitable[Reply]]) -> Reply:
        """The reply to ``call``, made when there is room and made again after a wait. Raises PutOff."""
        while True:
            await self._admitted()
            begun = self._clock.monotonic()
            try:
                reply = await call()
            except BaseException:
                self.pace.end()
                self._next()
                raise
            self.pace.end()
            again = self._is_put_off(reply, begun)
            self._next()
            if not again:
                return reply

    def _is_put_off(self, reply: Reply, begun: float) -> bool:
        now = self._clock.monotonic()
        if reply.sign is Sign.TURNED_AWAY and self._must_answer:
            raise self._close(f"{self.name} turns us away ({reply.error})")
        if reply.sign is Sign.OVER_BUDGET:
            raise self._close(reply.error or "")
        if reply.sign is Sign.PUT_OFF:
            self._pause(now, reply)
            return True
        if reply.sign is Sign.STRAINED:
            self.pace.strained(begun, now)
        elif reply.text is not None:
            self.pace.answered(now, reply.seconds)
        self._wait, self._waits_since = self._first_wait, None
        if self._live and reply.left is not None and reply.left < LEFT_TO_LIVE:
            self.pace.put_off(now)
            self._why = f"what is left of the quota of {self.name} is left to live routes"
            self._pauses.begin(self._credential, LOW_QUOTA_WAIT_S, now)
        return False

    def _pause(self, now: float, reply: Reply) -> None:
        wait = self._wait if not reply.wait else reply.wait
        self._wait = min(self._wait * 2, LONGEST_S)
        self.pace.put_off(now)
        if wait > PATIENCE_S:
            raise self._close(f"{self.name} asks us to wait for {wait:.0f} s")
        self._why = self._asked_to_wait
        # A longer one is kept to in parts: the first call after each part finds out whether it still stands.
        self._pauses.begin(self._credential, wait, now)

    def _close(self, why: str) -> PutOff:
        """Nobody is let through any more; those who wait learn it."""
        self._closed = self._closed or why
        while self._queue:
            self._wake(self._queue.popleft())
        return PutOff(self._closed)

    async def _admitted(self) -> None:
        """Returns once a call may begin; it has then begun."""
        while True:
            if self._closed:
                raise PutOff(self._closed)
            now = self._clock.monotonic()
            held = self._held_until(now)
            if held is None:
                at = self.pace.next_at(now)
                if at is not None and at <= now:
                    self._say("")
                    self.pace.begin(now)
                    return
                if at is None:
                    await self._turn()
                else:
                    await self._clock.sleep(at - now)
                continue
            until, why = held
            self._waits_since = now if self._waits_since is None else self._waits_since
            if until - self._waits_since > PATIENCE_S:
                raise self._close(f"{why}, for {PATIENCE_S / 60:.0f} minutes by now")
            self._say(why)
            await self._clock.sleep(until - now)

    def _held_until(self, now: float) -> tuple[float, str] | None:
        """Until when nobody is let through, and why; None: not held."""
        pause = self._pauses.of(self._credential, now)
        if pause is not None:
            return pause.until, self._why
        if self._busy is not None and self._busy():
            return now + LIVE_LOOK_S, f"{self.name} is answering callers, who come first"
        return None

    async def _turn(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._next()
            raise

    def _next(self) -> None:
        """Lets as many go on as there is room for, first come first."""
        room = self.pace.limit - self.pace.in_hand
        while self._queue and room > 0:
            room -= self._wake(self._queue.popleft())

    @staticmethod
    def _wake(place: asyncio.Future[None]) -> bool:
        if place.done():
            return False
        place.set_result(None)
        return True

    def _say(self, what: str) -> None:
        if what != self.waiting:
            self.waiting = what
            self.told()
