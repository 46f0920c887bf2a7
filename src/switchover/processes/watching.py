"""Beside the keeper's rounds: a child for what is due once a day, so that neither waits for the other.

It is started while this keeper runs the stories and there is work, ends by itself, and is asked to end when the keeper
does, or when another keeper runs the stories. What it costs in memory goes with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Callable, Sequence

from switchover.clock import Clock
from switchover.domain.process import Settings
from switchover.errors import StoreUnavailable
from switchover.log import Log, OncePerChange
from switchover.store import Store

POLL_S = 5.0
# What ended badly is tried again then, and later each time.
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 300.0
END_S = 20.0
PR_SET_PDEATHSIG = 1


class Watching:
    """Starts the ``command`` when ``leads()`` and ``has_work(settings, store, now)``; one child at a time.

    ``gone(store, pid)`` lets go of what a child held that has ended; with pid None whatever any child of this machine's
    held, at the start, when there is none.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        *,
        clock: Clock,
        log: Log,
        leads: Callable[[], bool],
        has_work: Callable[[Settings, Store, float], bool],
        gone: Callable[[Settings, Store, int | None], None],
        command: Callable[[Settings], Sequence[str]],
        open_store: Callable[[Settings], Store],
    ) -> None:
        self.settings, self.clock, self.log, self.leads = settings, clock, log, leads
        self.has_work, self.gone, self.command, self.open_store = has_work, gone, command, open_store
        self.say = OncePerChange(log)
        self._store: Store | None = None
        self._child: asyncio.subprocess.Process | None = None
        self._ended: int | None = None
        self._begun = False
        self._again_at, self._wait = clock.monotonic(), FIRST_WAIT_S

    async def run(self, stop: asyncio.Event) -> None:
        """Looks until ``stop`` is set; then the child is ended and the store closed."""
        try:
            while not stop.is_set():
                await self.look()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), POLL_S)
        finally:
            await self._end()
            await asyncio.to_thread(self._close)

    async def look(self) -> None:
        """One look: a child that ended is taken account of, one that is wanted is started."""
        if self._child is not None:
            if self._child.returncode is None:
                if not self.leads():
                    self._signal(signal.SIGTERM)
                return
            self._over(self._child)
        if not self.leads() or self.clock.monotonic() < self._again_at:
            return
        trouble = ""
        try:
            wanted = await asyncio.to_thread(self._asked)
        except StoreUnavailable as error:
            wanted, trouble = False, str(error)
        self.say("watch", "watch held up: trying again" if trouble else "", trouble, level="error")
        if wanted:
            await self._start()

    def _asked(self) -> bool:
        settings, now = self.settings(), self.clock.now()
        if self._store is None:
            self._store = self.open_store(settings)
        if not self._begun or self._ended is not None:
            self.gone(settings, self._store, self._ended)
            self._begun, self._ended = True, None
        return self.has_work(settings, self._store, now)

    async def _start(self) -> None:
        parent, libc = os.getpid(), ctypes.CDLL(None)

        def tie() -> None:
            """In the child: dies when we die, even by SIGKILL."""
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

        try:
            self._child = await asyncio.create_subprocess_exec(
                *self.command(self.settings()), stdin=asyncio.subprocess.DEVNULL, preexec_fn=tie
            )
        except OSError as error:
            self.say("watch", "watch can't be started", error.strerror or str(error), level="error")
            self._put_off()

    def _over(self, child: asyncio.subprocess.Process) -> None:
        self._child, self._ended = None, child.pid
        if child.returncode:
            self.log("watch ended badly", level="error", status=child.returncode, again_in=self._wait)
            self._put_off()
        else:
            self._wait = FIRST_WAIT_S

    def _put_off(self) -> None:
        self._again_at = self.clock.monotonic() + self._wait
        self._wait = min(self._wait * 2, LONGEST_WAIT_S)

    async def _end(self) -> None:
        if self._child is None or self._child.returncode is not None:
            return
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._child.wait(), END_S)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._child.wait()

    def _signal(self, number: int) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(number)

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
