"""Time, handed in: nothing else in Switchover asks the system what time it is."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Now, elapsed time, and waiting."""

    def now(self) -> float:
        """Unix seconds, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        ...


class SystemClock:
    """The machine's own time."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        """Waits on the running event loop."""
        await asyncio.sleep(seconds)


class Onward:
    """Unix seconds that never go back: a clock that is set back goes on by elapsed time until it has caught up.

    What was out of date stays so, for as long as whoever asks lives.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._latest, self._at = clock.now(), clock.monotonic()

    def now(self) -> float:
        """The clock's own time, or the latest that was told and the seconds since."""
        elapsed = self._clock.monotonic()
        self._latest = max(self._clock.now(), self._latest + elapsed - self._at)
        self._at = elapsed
        return self._latest
