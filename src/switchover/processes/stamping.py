"""Asks a time-stamp authority (RFC 3161) to vouch for the newest checkpoint, where one is configured."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

from switchover.clock import Clock
from switchover.errors import SwitchoverError
from switchover.evidence import EvidenceLog, canonical
from switchover.evidence.checkpoint import Checkpoint
from switchover.evidence.compare import PASSING
from switchover.evidence.tiles import make_folder
from switchover.evidence.timestamp import accept, moment, query
from switchover.evidence.verify import stamp
from switchover.log import OncePerChange
from switchover.store.files import write_whole

# Takes a question to the authority; its answer, None for one that is too big.
Ask = Callable[[bytes], Awaitable[bytes | None]]

LOOK_S = 5.0
# An authority is asked once in so long at most, but for the end of a drill.
EVERY_S = 3600.0
RETRY_S = 300.0
ASK_S = 30.0


class Stamping:
    """Looks whether a checkpoint wants a time-stamp, and gets it. The answer is kept whole in ``stamps/SIZE.tsr``."""

    def __init__(self, log: EvidenceLog, clock: Clock, say: OncePerChange) -> None:
        self.log, self.clock, self.say = log, clock, say
        self._not_before = 0.0

    async def look(self, ask: Ask) -> bool:
        """Asks if it is time to. True when a time-stamp was taken; what goes wrong is logged and tried again later."""
        if self.clock.monotonic() < self._not_before:
            return False
        try:
            due = await asyncio.to_thread(self._due)
            if due is None:
                return False
            await take(self.log, due, ask)
        except (SwitchoverError, TimeoutError, ValueError) as error:
            self._not_before = self.clock.monotonic() + RETRY_S
            detail = str(error) or type(error).__name__
            self.say("time-stamp", "no time-stamp: trying again", detail, level="warning")
            return False
        self.say("time-stamp", "checkpoints are time-stamped")
        return True

    def _due(self) -> Checkpoint | None:
        """The newest checkpoint, if it is to be time-stamped by now."""
        newest = self.log.checkpoint()
        known = newest_stamp(self.log.folder)
        if newest is None or known is None:
            return newest
        size, at = known
        if newest.size <= size:
            return None
        if self.clock.now() - at >= EVERY_S:
            return newest
        added = self.log.entries(size)[: newest.size - size]
        return newest if any(map(_ends_a_drill, map(canonical.decode, added))) else None


async def take(log: EvidenceLog, checkpoint: Checkpoint, ask: Ask) -> float:
    """Has a checkpoint time-stamped and keeps the answer; returns the moment (Unix seconds) it vouches for.

    Raises ValueError for an answer that is none to our question, and whatever ``ask`` raises.
    """
    digest, nonce = hashlib.sha256(checkpoint.note.encode()).digest(), secrets.randbits(64)
    async with asyncio.timeout(ASK_S):
        answer = await ask(query(digest, nonce))
    if answer is None:
        raise ValueError("the authority's answer is too long")
    at = accept(answer, digest, nonce)

    def keep() -> None:
        path = stamp_path(log.folder, checkpoint.size)
        make_folder(path.parent)
        write_whole(path, answer)

    await asyncio.to_thread(keep)
    return at.timestamp()


def stamp_path(folder: Path, size: int) -> Path:
    """Where the time-stamp of a checkpoint lies."""
    return folder / "stamps" / f"{size}.tsr"


def newest_stamp(folder: Path) -> tuple[int, float] | None:
    """The size that was time-stamped last, and when by the authority's clock."""
    sizes = [int(path.stem) for path in folder.glob("stamps/*.tsr") if path.stem.isdigit()]
    for size in sorted(sizes, reverse=True):
        try:
            return size, moment(stamp(stamp_path(folder, size).read_bytes())[1]).timestamp()
        except (OSError, ValueError):
            # One that can't be read is as good as none; verification names it.
            continue
    return None


def _ends_a_drill(entry: object) -> bool:
    return isinstance(entry, dict) and entry.get("event") == "drill" and entry.get("state") not in PASSING
