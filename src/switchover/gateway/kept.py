"""How much of each exchange is kept, and that it is kept before an answer ends where a process requires that."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from switchover.clock import Clock
from switchover.domain.exchange import MISSING, Exchange
from switchover.domain.process import Bodies, Process
from switchover.privacy.finder import Finder
from switchover.privacy.redact import bare, redacted

from .admit import Call
from .aside import Aside, in_turns
from .metrics import Metrics
from .record import Recorder, begin
from .refuse import unrecorded

# A route that requires its record waits longer for its intent than others: what comes after is a refusal.
INTENT_REQUIRED_S = 1.0
# The longest that the end of an answer is held. Disks that are well take some milliseconds.
DURABLE_WAIT_S = 5.0
# What may wait to be redacted, bodies and all; and how long one exchange may take.
MOST_WAITING_BYTES = 64 << 20
REDACT_LONGEST_S = 30.0
DRAIN_S = 10.0
NOT_RECORDED = 0
log = logging.getLogger(__name__)


class Kept:
    """Hands exchanges to the spool, each as its process wants it kept.

    What is redacted is so on a thread of its own, before any of it comes near a disk. ``finder()`` gives the detectors.
    """

    def __init__(self, spool: Recorder, clock: Clock, metrics: Metrics, finder: Callable[[], Finder]) -> None:
        self._spool, self._clock, self._metrics, self._finder = spool, clock, metrics, finder
        self._aside = Aside("redaction", clock)
        self._waiting: dict[asyncio.Future[int], tuple[Exchange, Process]] = {}
        self._bytes = 0
        self.last = 0

    def begin(self, call: Call) -> int:
        """Records that a call was begun; its record's number, 0 where nothing is recorded, -1 when it is lost."""
        if call.process.recording.bodies is Bodies.NONE:
            return NOT_RECORDED
        return self._numbered(begin(self._spool, call))

    async def ready(self, call: Call, number: int) -> None:
        """Raises RecordingFailed for a call that could not be recorded now, before anybody is asked."""
        spool = self._spool
        if not spool.failing:
            # What can't be written at this moment may be under repair, which is waited for until it fails.
            if await spool.wait_written(number, INTENT_REQUIRED_S):
                return
            if not spool.healthy and await spool.wait_durable(number, INTENT_REQUIRED_S):
                return
        raise unrecorded(call.process)

    def keep(self, exchange: Exchange, process: Process) -> None:
        """Hands an exchange over, or what may be kept of it."""
        mode = process.recording.bodies
        if mode is Bodies.FULL:
            self._numbered(self._spool.append(exchange))
        elif mode is not Bodies.NONE:
            self._handed(exchange, process, at_once=False)

    async def keep_durably(self, exchange: Exchange, process: Process) -> bool:
        """As :meth:`keep`; True once it would survive a loss of power, False when it is lost or the time is up."""
        try:
            async with asyncio.timeout(DURABLE_WAIT_S):
                # It goes on, whoever stops waiting for it.
                number = await asyncio.shield(self._handed(exchange, process, at_once=True))
                return number > 0 and await self._spool.wait_durable(number, DURABLE_WAIT_S)
        except TimeoutError:
            return False

    async def close(self) -> None:
        """Waits for what is being redacted; what is not done by then is kept without its bodies."""
        if self._waiting:
            await asyncio.wait([*self._waiting], timeout=DRAIN_S)
        for future, (exchange, process) in [*self._waiting.items()]:
            if not future.done():
                future.set_result(self._without(exchange, process, "ended"))

    def _numbered(self, number: int) -> int:
        if number > 0:
            self.last = number
        return number

    def _handed(self, exchange: Exchange, process: Process, *, at_once: bool) -> asyncio.Future[int]:
        """The number of the record, once it has one."""
        mode = process.recording.bodies
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if mode is Bodies.FULL:
            done.set_result(self._numbered(self._spool.append(exchange, at_once=at_once)))
        elif mode is Bodies.METADATA:
            done.set_result(self._numbered(self._spool.append(bare(exchange, process), at_once=at_once)))
        else:
            self._redact(exchange, process, done, at_once)
        return done

    def _redact(self, exchange: Exchange, process: Process, done: asyncio.Future[int], at_once: bool) -> None:
        size = len(exchange.request) + len(exchange.answer)
        if self._bytes + size > MOST_WAITING_BYTES:
            done.set_result(self._without(exchange, process, "busy"))
            return
        self._bytes += size
        self._waiting[done] = exchange, process
        finder, elapsed = self._finder(), self._clock.monotonic

        def work() -> Exchange:
            end = elapsed() + REDACT_LONGEST_S
            return redacted(exchange, finder.within(in_turns(lambda: elapsed() > end)))

        def over(made: asyncio.Future[Exchange]) -> None:
            self._bytes -= size
            del self._waiting[done]
            if done.done():
                return
            if made.cancelled() or (failure := made.exception()) is not None:
                log.error("exchange %s could not be redacted: %s", exchange.id, type(failure).__name__)
                done.set_result(self._without(exchange, process, "failed"))
            else:
                done.set_result(self._numbered(self._spool.append(made.result(), at_once=at_once)))

        self._aside.run(work).add_done_callback(over)

    def _without(self, exchange: Exchange, process: Process, reason: str) -> int:
        """Keeps an exchange that was to be redacted without its bodies, and says so in it."""
        self._metrics.redaction_failed(exchange.process, reason)
        missing = (f"{MISSING}request", f"{MISSING}answer")
        kept = replace(bare(exchange, process), dropped=exchange.dropped + missing)
        return self._numbered(self._spool.append(kept))
