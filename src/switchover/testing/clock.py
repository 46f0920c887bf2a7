"""Clocks that move when they are told to, or faster than the machine's own."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time


class ManualClock:
    """Stands still until :meth:`advance`; sleepers wake in the order of their moments."""

    def __init__(self, start: float = 1_780_000_000.0) -> None:
        self._now = start
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        """Unix seconds, UTC."""
        return self._now

    def monotonic(self) -> float:
        """The same hand as :meth:`now`."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Waits until the clock has been moved that far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), sleeper))
        await sleeper

    def advance(self, seconds: float) -> None:
        """Moves the hand and wakes whoever is due."""
        self._now += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                sleeper.set_result(None)


class FastClock:
    """The machine's time, so many times as fast: what takes a minute is over in seconds."""

    def __init__(self, times: float) -> None:
        self.times, self._begun, self._unix = times, time.monotonic(), time.time()

    def now(self) -> float:
        """Unix seconds, UTC, from the start on faster."""
        return self._unix + self.monotonic()

    def monotonic(self) -> float:
        """Seconds since the start."""
        return (time.monotonic() - self._begun) * self.times

    async def sleep(self, seconds: float) -> None:
        """Waits on the running event loop."""
        await asyncio.sleep(seconds / self.times)
