"""How often an upstream may be asked again for what it just failed."""

from __future__ import annotations

import random

from switchover.clock import Clock

# SRE book, "Handling Overload": retries at most a tenth of the requests; Envoy: at least three at once.
SHARE = 0.1
AT_ONCE = 3
LEAST_JITTER_S = 0.05
LONGEST_JITTER_S = 0.15


class Retries:
    """The budget of retries, per upstream. ``rng``: jitter."""

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock, self._rng = clock, rng
        self._asked: dict[str, int] = {}
        self._retried: dict[str, int] = {}
        self._retrying: dict[str, int] = {}

    def asked(self, name: str) -> None:
        """An upstream is asked, for the first time or again."""
        self._asked[name] = self._asked.get(name, 0) + 1

    async def pause(self, name: str, wait: float = 0.0) -> bool:
        """Waits so long and a little more before asking an upstream again; False at once without budget for it."""
        retried, retrying = self._retried.get(name, 0), self._retrying.get(name, 0)
        if retrying >= AT_ONCE and retried >= SHARE * self._asked.get(name, 0):
            return False
        self._retried[name] = retried + 1
        self._retrying[name] = retrying + 1
        try:
            await self._clock.sleep(wait + LEAST_JITTER_S + (LONGEST_JITTER_S - LEAST_JITTER_S) * self._rng.random())
        finally:
            self._retrying[name] -= 1
        return True
