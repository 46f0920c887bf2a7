"""The spool: a worker's own record, synced by one thread, off the event loop.

A record is *written* when it survives the process, and *durable* when it survives a power loss. An intent is written
from the event loop, to the page cache, together with what waits; one thread writes the rest and syncs within 5 ms.
What the disk does not take stays in memory up to a limit in bytes; beyond it records are counted as lost, and the
count is itself recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from pathlib import Path

from switchover.clock import Clock
from switchover.domain.exchange import Exchange, Intent

from .files import unavailable
from .spool_frames import Gap, Position
from .spool_reader import read_spool
from .spool_writer import Seal, Writer

__all__ = ["Gap", "Position", "Spool", "read_spool"]

# What a record weighs in memory beside its bodies.
OVERHEAD = 1024
LOST = -1


class Spool:
    """One worker's spool. :meth:`append` and the waits belong to one thread, that of the event loop.

    ``directory`` is the worker's folder; ``max_pending_bytes`` bounds what waits in memory. ``seal`` encrypts
    exchanges, off the event loop; they are numbered as they came, and written after intents that came later.
    """

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock,
        max_pending_bytes: int = 64 << 20,
        segment_bytes: int = 64 << 20,
        seal: Seal | None = None,
    ) -> None:
        self.directory, self.max_pending_bytes = Path(directory), max_pending_bytes
        self._count = self._lost = 0
        # Changed by this side only, as its counterpart in the writer is by that one: so neither needs a lock.
        self._taken = 0
        self._waiters: deque[tuple[bool, int, asyncio.Future[bool]]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer = Writer(
            self.directory,
            clock=clock,
            segment_bytes=segment_bytes,
            lost=lambda: self._lost,
            moved=self._moved,
            seal=seal,
        )
        self._thread = threading.Thread(target=self._writer.run, name=f"spool {self.directory.name}", daemon=True)

    @property
    def written(self) -> int:
        """The number of the last record that survives the process; an exchange that is being sealed may come after."""
        return self._writer.written

    @property
    def durable(self) -> int:
        """The number up to which every record survives a power loss."""
        return self._writer.durable

    @property
    def unsynced_for(self) -> float:
        """For how many seconds the oldest record that was taken in has waited to be durable; 0 without any."""
        return self._writer.unsynced_for

    @property
    def gaps(self) -> int:
        """How many records were lost since the start."""
        return self._lost + self._writer.unfit

    @property
    def healthy(self) -> bool:
        """False from a failed write or sync until what it concerned is safe elsewhere, and while nothing is sealed."""
        return self._writer.healthy and not self._writer.unsealable

    @property
    def failing(self) -> bool:
        """True while what comes can't be made safe: a repair failed and none succeeded since, or nothing is sealed."""
        return self._writer.failing or bool(self._writer.unsealable)

    @property
    def trouble(self) -> str:
        """What failed last, or nothing."""
        return self._writer.trouble or self._writer.unsealable

    def start(self) -> None:
        """Sets a torn tail aside and begins a new segment, now or, on a disk that is full or failing, once it is not.

        Raises StoreUnavailable for a folder that is none, or not ours.
        """
        try:
            self._writer.begin()
        except OSError as cause:
            raise unavailable(self.directory, cause) from cause
        self._thread.start()

    def close(self) -> None:
        """Writes and syncs what is pending and ends the thread; what a failing disk does not take is counted lost."""
        if self._thread.is_alive():
            self._writer.end()
            self._thread.join()

    def append(self, record: Intent | Exchange, *, at_once: bool = False) -> int:
        """Hands a record over and returns its number, or -1 when it is lost: a gap, counted. Never blocks.

        An intent, and with ``at_once`` an exchange that is not to be sealed, is written when this returns, unless the
        disk is slow or the thread is at it.
        """
        if isinstance(record, Intent):
            size, hand_over = OVERHEAD, self._writer.write
        else:
            size = OVERHEAD + len(record.request) + len(record.answer)
            hand_over = self._writer.write if at_once else self._writer.put
        if self._taken - self._writer.let_go + size > self.max_pending_bytes:
            self._lost += 1
            return LOST
        self._taken += size
        self._count += 1
        hand_over((self._count, size, record))
        return self._count

    async def wait_written(self, number: int, timeout: float = 0.020) -> bool:  # noqa: ASYNC109  # no task per wait
        """True once the record is written; False when it is lost, the disk fails or ``timeout`` seconds have passed."""
        if number <= self._writer.written:
            return number != LOST
        return await self._wait(False, number, timeout)

    async def wait_durable(self, number: int, timeout: float = 5.0) -> bool:  # noqa: ASYNC109  # as above
        """As :meth:`wait_written`, until the record is durable; a repair is waited for, until it fails."""
        if number <= self._writer.durable:
            return number != LOST
        return await self._wait(True, number, timeout)

    async def _wait(self, durable: bool, number: int, seconds: float) -> bool:
        if self._is_vain(durable):
            return False
        loop = self._loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiters.append((durable, number, waiter))
        # The writer may have passed between the caller's check and the line above.
        self._wake()
        late = loop.call_later(seconds, _settle, waiter)
        try:
            return await waiter
        finally:
            late.cancel()

    def _wake(self) -> None:
        """On the event loop: one pass over the waiters for a whole batch."""
        written, durable = self._writer.written, self._writer.durable
        for _ in range(len(self._waiters)):
            entry = self._waiters.popleft()
            for_durable, number, waiter = entry
            if waiter.done():
                continue
            if number <= (durable if for_durable else written):
                waiter.set_result(True)
            elif self._is_vain(for_durable):
                waiter.set_result(False)
            else:
                self._waiters.append(entry)

    def _is_vain(self, durable: bool) -> bool:
        """Whether there is nothing to wait for on this disk."""
        return self.failing if durable else not self._writer.healthy

    def _moved(self) -> None:
        """On the writer's thread: a mark moved, or the disk failed."""
        if self._waiters and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, so nobody waits
                self._loop.call_soon_threadsafe(self._wake)


def _settle(waiter: asyncio.Future[bool]) -> None:
    if not waiter.done():
        waiter.set_result(False)
