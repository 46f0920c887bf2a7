"""The register as a worker sees it: read again when its file changes, swapped whole."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from typing import Protocol

from switchover.domain.register import Snapshot

POLL_S = 0.2
log = logging.getLogger(__name__)


class SnapshotSource(Protocol):
    """Where a gateway finds the register."""

    current: Snapshot

    async def start(self) -> None:
        """Begins to follow changes, if there can be any."""
        ...

    async def stop(self) -> None:
        """Ends following."""
        ...


class FixedSnapshot:
    """A register that changes only when ``current`` is set."""

    def __init__(self, current: Snapshot) -> None:
        self.current = current

    async def start(self) -> None:
        """Nothing to follow."""

    async def stop(self) -> None:
        """Nothing to end."""


class LiveSnapshot:
    """Follows ``snapshot.json``: looks at its modification time every 200 ms.

    ``read`` decodes the file. A file that can't be read leaves the last snapshot in force; the first must be readable.
    """

    def __init__(self, path: str, read: Callable[[str], Snapshot]) -> None:
        self._path, self._read = path, read
        self._seen = self._stamp()
        self.current = read(path)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to follow changes on the running loop."""
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Ends following."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def look(self) -> bool:
        """Reads the file if it changed; True when a new snapshot is in force."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            self.current = self._read(self._path)
        except Exception as cause:
            log.warning("the snapshot can't be read, the last one stays in force: %s", type(cause).__name__)
            return False
        return True

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            self.look()

    def _stamp(self) -> tuple[int, int, int]:
        try:
            stat = os.stat(self._path)
        except OSError:
            return (0, 0, 0)
        return (stat.st_mtime_ns, stat.st_ino, stat.st_size)
