"""What a worker learns from ``run/``: the other workers' figures, and whether the keeper keeps the register fresh."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from switchover.clock import Clock

EVERY_S = 5.0
# Six writes missed: that worker is gone.
FORGET_S = 30.0
# A keeper that is restarted is back by then.
STALE_AFTER_S = 10.0
log = logging.getLogger(__name__)


class Keeper(msgspec.Struct):
    """What ``run/keeper.json`` says, as far as it matters here."""

    pid: int
    store: str
    configuration: str
    snapshot_version: int | None = None


_keeper = msgspec.json.Decoder(Keeper)


class Neighbours:
    """Writes ``metrics/<worker>.prom`` in the run folder every 5 s, and reads the others'; without a folder, neither.

    The keeper counts as failing when it is not running, can't use the store, refuses the configuration, or has written
    a snapshot that this worker does not go by.
    """

    def __init__(self, worker: str, folder: Path | None, clock: Clock) -> None:
        self.worker, self._folder, self._clock = worker, folder, clock
        self._trouble = ""
        self._since = 0.0
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self, page: Callable[[], str], version: Callable[[], int]) -> None:
        """Begins to write ``page()`` and to compare ``version()`` with the keeper's, on the running loop."""
        if self._folder is not None:
            self._task = asyncio.create_task(self._follow(self._folder, page, version))

    async def stop(self) -> None:
        """Ends both, and takes this worker's figures away."""
        if self._task is None or self._folder is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        with contextlib.suppress(OSError):
            self._file(self._folder).unlink(missing_ok=True)

    def others(self) -> Iterator[tuple[str, float, str]]:
        """The other workers that wrote within 30 s: name, age in seconds and page."""
        if self._folder is None:
            return
        for path in sorted(self._folder.glob("metrics/*.prom")):
            with contextlib.suppress(OSError, UnicodeDecodeError):
                age = max(self._clock.now() - path.stat().st_mtime, 0.0)
                if path.stem != self.worker and age < FORGET_S:
                    yield path.stem, age, path.read_text(encoding="utf-8")

    @property
    def stale_for(self) -> float:
        """For how many seconds changes of the register have not come through; 0 while they do."""
        return self._clock.monotonic() - self._since if self._trouble else 0.0

    @property
    def trouble(self) -> str:
        """Why changes of the register have not come through for 10 s or more, or nothing."""
        return self._trouble if self.stale_for >= STALE_AFTER_S else ""

    def hurry(self) -> None:
        """Something has changed that others should read without waiting for the next write."""
        self._bell.set()

    def look(self, version: int) -> None:
        """Asks how the keeper goes; ``version`` is that of the snapshot in force."""
        before, self._trouble = self._trouble, self._ask(version)
        if self._trouble and not before:
            self._since = self._clock.monotonic()

    def write(self, page: str) -> None:
        """Replaces this worker's figures; a reader sees the old ones or the new. They need not survive a power loss."""
        if self._folder is None:
            return
        path = self._file(self._folder)
        draft = path.with_suffix(".draft")
        path.parent.mkdir(mode=0o700, exist_ok=True)
        draft.write_text(page, encoding="utf-8")
        draft.replace(path)

    async def _follow(self, folder: Path, page: Callable[[], str], version: Callable[[], int]) -> None:
        is_told = False
        while True:
            self.look(version())
            try:
                await asyncio.to_thread(self.write, page())
                is_told = False
            except OSError as cause:
                if not is_told:
                    log.warning("the figures can't be written to %s: %s", self._file(folder), cause.strerror)
                is_told = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), EVERY_S)
            self._bell.clear()

    def _file(self, folder: Path) -> Path:
        return folder / "metrics" / f"{self.worker}.prom"

    def _ask(self, version: int) -> str:
        if self._folder is None:
            return ""
        try:
            keeper = _keeper.decode((self._folder / "keeper.json").read_bytes())
            os.kill(keeper.pid, 0)
        except (FileNotFoundError, ProcessLookupError):
            return "the keeper is not running"
        except PermissionError:
            pass
        except (OSError, OverflowError, msgspec.MsgspecError):
            return "what the keeper says can't be read"
        # What is wrong with them names files and settings, which are not for everyone who reaches this port.
        if keeper.store != "ok":
            return "the keeper can't use the store (`switchover doctor` says why)"
        if keeper.configuration != "ok":
            return "the configuration is refused, the one before is in force (`switchover doctor` says why)"
        if (keeper.snapshot_version or 0) > version:
            return f"this worker goes by snapshot {version}, the keeper has written {keeper.snapshot_version}"
        return ""
