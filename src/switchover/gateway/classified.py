"""The class of what a request holds, found before it is planned, where that may decide who sees it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from switchover.clock import Clock
from switchover.domain.personal import MOST_SENSITIVE, Privacy, is_above
from switchover.domain.process import Bodies, DataClass
from switchover.domain.register import Snapshot
from switchover.errors import DetectionFailed
from switchover.privacy.finder import Finder, OwnFinder
from switchover.privacy.look import kinds_in

from .admit import Call
from .aside import Aside, in_turns
from .metrics import Metrics

# Read on the event loop where that takes no longer than this; else beside it, where it may take the longest.
AT_ONCE_BYTES = 8192
AT_ONCE_S = 0.005
LONGEST_S = 2.0
log = logging.getLogger(__name__)


class Classified:
    """Reads the requests of processes whose policy tells classes apart; ``make`` gives a configuration's detectors.

    A detector that fails, hangs or lacks a part means the most sensitive class.
    """

    def __init__(self, clock: Clock, metrics: Metrics, make: Callable[[Privacy], Finder] = OwnFinder) -> None:
        self._clock, self._metrics, self._make = clock, metrics, make
        self._aside = Aside("detector", clock)
        self._snapshot: Snapshot | None = None
        self._privacy = Privacy()
        self._reads: frozenset[str] = frozenset()
        self._finder = make(self._privacy)
        self._warm = False
        # What went wrong with the last request that was looked into, or nothing.
        self.trouble = ""

    def finder(self, snapshot: Snapshot) -> Finder:
        """The detectors that a snapshot asks for."""
        self.follow(snapshot)
        return self._finder

    def follow(self, snapshot: Snapshot) -> None:
        """Goes by this snapshot from now on, and loads what its first request would wait for."""
        if snapshot is self._snapshot:
            return
        self._snapshot = snapshot
        self._reads = frozenset(
            name
            for name, process in snapshot.processes.items()
            if (process.narrows(snapshot.upstreams, snapshot.providers) if process.detect is None else process.detect)
        )
        if snapshot.privacy != self._privacy:
            self._privacy, self._warm = snapshot.privacy, False
            self._finder = self._make(snapshot.privacy)
        redacts = any(one.recording.bodies is Bodies.REDACTED for one in snapshot.processes.values())
        if not self._warm and (self._reads or redacts):
            finder = self._finder
            self._aside.run(finder.warm).add_done_callback(lambda done: self._warmed(done, finder))

    def _warmed(self, done: asyncio.Future[None], finder: Finder) -> None:
        if done.cancelled() or done.exception() is not None:
            log.error("personal data can't be looked for: %s", done.cancelled() or type(done.exception()).__name__)
        elif finder is self._finder:
            self._warm = True

    def reads(self, name: str, snapshot: Snapshot) -> bool:
        """Whether the requests of a process are read."""
        if snapshot is not self._snapshot:
            self.follow(snapshot)
        return name in self._reads

    async def class_of(self, call: Call, snapshot: Snapshot) -> DataClass | None:
        """The class of the request's data, where it is above the one that its process declares."""
        try:
            level = snapshot.privacy.class_of(await self._kinds(call.body, self.finder(snapshot)))
        except Exception as failure:  # whoever's code it is: what it could not look at may be anything
            if not self.trouble:
                log.error("personal data can't be looked for since exchange %s: %s", call.id, type(failure).__name__)
            self.trouble = type(failure).__name__
            self._metrics.detection_failed(call.process.name)
            level = MOST_SENSITIVE
        else:
            self.trouble = ""
        if not is_above(level, call.process.data):
            return None
        self._metrics.raised(call.process.name, level)
        return level

    async def _kinds(self, body: bytes, finder: Finder) -> set[str]:
        if self._warm and len(body) <= AT_ONCE_BYTES and finder.keeps_time:
            try:
                return kinds_in(body, finder.within(self._over(AT_ONCE_S)))
            except DetectionFailed:
                # There may be too much in it to read at once.
                pass
        if self._aside.busy_for > LONGEST_S:
            raise TimeoutError
        late = in_turns(self._over(LONGEST_S))
        async with asyncio.timeout(LONGEST_S):
            return await self._aside.run(lambda: kinds_in(body, finder.within(late)))

    def _over(self, seconds: float) -> Callable[[], bool]:
        """Says whether so many seconds from now are over."""
        elapsed = self._clock.monotonic
        end = elapsed() + seconds
        return lambda: elapsed() > end
