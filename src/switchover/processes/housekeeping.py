"""Beside the keeper's rounds: finished days go to the archive, and what has had its time goes.

In a thread and with a connection of its own, so that neither a slow object store nor a long pass holds up what is
recorded; under the keeper's lease, and one of its own that commands take, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from switchover.clock import Clock
from switchover.domain.process import Settings
from switchover.errors import OperatorError, StoreUnavailable
from switchover.evidence import EvidenceLog
from switchover.log import OncePerChange
from switchover.store import Store
from switchover.store.archive.target import Target

from .archiving import Archiver
from .lease import Lease
from .retention import Leap, Retaining

LEASE = "archive"
# A part may take so long to reach an object store.
LEASE_S = 300.0
POLL_S = 1.0
# How long until it looks again for days that are over, and until it tries again what went wrong.
AGAIN_S = 60.0
RETAIN_EVERY_S = 6 * 3600.0
# Small transactions in one poll.
STEPS = 20


class Housekeeping:
    """Archives and deletes while ``leads()``, by the ``settings()`` in force; ``target(settings)`` opens the archive.

    What goes wrong is logged once, and tried again.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        *,
        clock: Clock,
        say: OncePerChange,
        leads: Callable[[], bool],
        target: Callable[[Settings], Target | None],
        open_store: Callable[[Settings], Store],
    ) -> None:
        self.settings, self.clock, self.say, self.leads = settings, clock, say, leads
        self.target, self.open_store = target, open_store
        self.evidence = EvidenceLog(settings().data_dir, clock)
        self.lease = Lease(LEASE, f"{os.uname().nodename}:{os.getpid()}", clock=clock, seconds=LEASE_S)
        self.leap = Leap(clock)
        self.stopped = False
        self._archive_at = self._retain_at = clock.monotonic()
        self._pass: Iterator[None] | None = None
        self._store: Store | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Polls until ``stop`` is set; a part that is under way is finished."""
        while not stop.is_set():
            work = asyncio.create_task(asyncio.to_thread(self.poll), name="housekeeping")
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait((work, stopping), return_when=asyncio.FIRST_COMPLETED)
            self.stopped = stop.is_set()
            await work
            stopping.cancel()
            await self.clock.sleep(POLL_S)
        self.close()

    def poll(self) -> None:
        """One look: archives what is due, and takes some steps of a pass of retention."""
        settings = self.settings()
        elapsed = self.clock.monotonic()
        archives = settings.archive is not None and elapsed >= self._archive_at
        retains = has_terms(settings) and (self._pass is not None or elapsed >= self._retain_at)
        if not self.leads():
            self._give_up_pass()
        elif archives or retains:
            trouble = ""
            try:
                self._work(self._opened(settings), settings, archives, retains)
            except OperatorError as error:
                self._retain_at = elapsed + AGAIN_S
                self._give_up_pass()
                trouble = str(error)
            self.say("housekeeping", "housekeeping held up: trying again" if trouble else "", trouble, level="error")

    def _work(self, store: Store, settings: Settings, archives: bool, retains: bool) -> None:
        """What is due, with the lease held: between two polls only while a pass is under way."""
        if not self.lease.renew(store):
            return
        try:
            if archives:
                self._archive(store, settings)
            if retains:
                self._retain(store, settings)
        finally:
            if self._pass is None:
                self.lease.release(store)

    def close(self) -> None:
        """Gives the lease back and closes the store."""
        if self._store is not None:
            try:
                self.lease.release(self._store)
            except StoreUnavailable as error:
                self.say("housekeeping", "lease left to lapse", str(error), level="warning")
            self._store.close()
            self._store = None

    def _give_up_pass(self) -> None:
        """Ends a pass that is under way, with its lease: neither the next one nor a command waits for that to lapse."""
        begun, self._pass = self._pass, None
        if begun is not None and self._store is not None:
            with contextlib.suppress(StoreUnavailable):
                self.lease.release(self._store)

    def _opened(self, settings: Settings) -> Store:
        if self._store is None:
            self._store = self.open_store(settings)
        return self._store

    def _go_on(self) -> bool:
        return not self.stopped and self.leads() and self._store is not None and self.lease.renew(self._store)

    def _archiver(self, settings: Settings) -> Archiver | None:
        if settings.archive is None:
            return None
        target = self.target(settings)
        if target is None:
            return None
        return Archiver(Path(settings.data_dir), settings.archive, target, self.clock, self.evidence.append)

    def _archive(self, store: Store, settings: Settings) -> None:
        self._archive_at = self.clock.monotonic() + AGAIN_S
        trouble = ""
        try:
            archiver = self._archiver(settings)
            if archiver is not None:
                archiver.run(store, self._go_on)
        except OperatorError as error:
            trouble = str(error)
        said = "not archived: trying again" if trouble else "archiving"
        self.say("archive", said, trouble, level="error" if trouble else "info")

    def _retain(self, store: Store, settings: Settings) -> None:
        if self._pass is None:
            doubt = self.leap.doubt(store)
            self.say("retention", "retention waits" if doubt else "", doubt, level="error")
            if doubt:
                self._retain_at = self.clock.monotonic() + AGAIN_S
                return
            retaining = Retaining(
                Path(settings.data_dir), settings, self._archiver(settings), self.clock, self.evidence.append
            )
            self._pass = retaining.steps(store)
        for _ in range(STEPS):
            if self.stopped:
                return
            try:
                next(self._pass)
            except StopIteration:
                self._pass, self._retain_at = None, self.clock.monotonic() + RETAIN_EVERY_S
                return


def has_terms(settings: Settings) -> bool:
    """Whether anything is to go, ever."""
    every = (settings.retention, *(process.retention for process in settings.processes.values()))
    return any(kept is not None for one in every for kept in (one.exchanges, one.bodies, one.archive, one.spool))
