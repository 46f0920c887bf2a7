"""Beside the keeper's rounds: whether applications have changed their prompts, looked at as their traffic comes in.

In a thread and with a connection of its own: to read what was asked takes longer than a cut-off may wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from switchover.clock import Clock
from switchover.domain.process import Settings
from switchover.errors import StoreUnavailable
from switchover.evidence import EvidenceLog
from switchover.log import Log, OncePerChange
from switchover.store import Store
from switchover.watch.prompts import PromptWatch

POLL_S = 0.5
# So often the traffic of the day is looked at, too, in which a prompt may change bit by bit.
DAY_EVERY_S = 60.0


class Changing:
    """Ends proofs whose prompt has changed, while ``leads()``; what goes wrong is logged once, and tried again."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        *,
        clock: Clock,
        log: Log,
        leads: Callable[[], bool],
        open_store: Callable[[Settings], Store],
    ) -> None:
        self.settings, self.clock, self.log, self.leads, self.open_store = settings, clock, log, leads, open_store
        self.say = OncePerChange(log)
        self.evidence = EvidenceLog(settings().data_dir, clock)
        self._watch: PromptWatch | None = None
        self._day_at = clock.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """Looks until ``stop`` is set."""
        while not stop.is_set():
            if self.leads():
                await asyncio.to_thread(self.look)
            await self.clock.sleep(POLL_S)
        if self._watch is not None:
            self._watch.store.close()

    def look(self) -> None:
        """One look at every process that replacements stand by for."""
        settings, trouble = self.settings(), ""
        day = self.clock.monotonic() >= self._day_at
        if day:
            self._day_at = self.clock.monotonic() + DAY_EVERY_S
        try:
            if self._watch is None:
                self._watch = PromptWatch(self.open_store(settings), self.clock, self.evidence.append)
            for process in settings.processes.values():
                if process.fallbacks and (change := self._watch.look(settings, process, day=day)) is not None:
                    self.log("proofs ended", level="warning", process=process.name, why=change.why)
        except StoreUnavailable as error:
            trouble = str(error)
        said = "prompts not looked at: trying again" if trouble else ""
        self.say("prompts", said, trouble, level="error")
