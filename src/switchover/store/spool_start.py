"""What an earlier run left in a worker's folder: a torn tail, a gap that had no room, a step that was cut short.

Each step is durable before the next one begins, so that a start that is itself cut short is begun again: the tail is
copied, then cut, then noted as a gap, and the copy gets its last name once the gap is on record.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from switchover.domain.exchange import Exchange, Intent

from .files import sync_folder
from .segment import Reserve
from .spool_frames import Began, Gap
from .spool_reader import read_segment, segment_path, segments, whole_until

UNNOTED = ".torn.new"


class Start:
    """Takes a folder over: ``number`` is that of its newest segment, ``first`` what the next one begins with."""

    def __init__(self, folder: Path, reserve: Reserve, now: float) -> None:
        """Makes the folder and sets a torn tail aside. Raises OSError."""
        self.folder, self.reserve = folder, reserve
        make_folder(folder)
        set_torn_tail_aside(folder)
        self.number = max(segments(folder), default=0)
        self.torn = sorted(folder.glob(f"*{UNNOTED}"))
        self.left = reserve.read()
        self.first: list[Began | Gap] = [Began(at=now), *self._gaps(now)]
        reserve.prepare()

    def _gaps(self, now: float) -> Iterator[Gap]:
        """Those that are not on record yet."""
        if not self.torn and self.left is None:
            return
        known = list(_last_gaps(self.folder))
        for copy in self.torn:
            name = copy.name.removesuffix(UNNOTED)
            reason = f"torn tail: {copy.stat().st_size} bytes set aside in {name}.torn"
            if not any(gap.reason == reason for gap in known):
                yield Gap(at=now, records=0, reason=reason)
        if self.left is not None and not any(gap.at == self.left.at for gap in known):
            yield self.left

    def noted(self) -> None:
        """What was left is on record now. Raises OSError."""
        for copy in self.torn:
            copy.replace(copy.with_name(f"{copy.name.removesuffix(UNNOTED)}.torn"))
        if self.torn:
            sync_folder(self.folder)
        if self.left is not None:
            self.reserve.clear()


def make_folder(folder: Path) -> None:
    """Makes a folder, and those above it that are missing, so that their names survive a power loss."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
    # A run that was killed may have made the first two and synced neither.
    for above in dict.fromkeys([folder.parent, folder.parent.parent, *(one.parent for one in missing)]):
        # Whoever may make a folder in another need not be allowed to read that.
        with contextlib.suppress(PermissionError):
            sync_folder(above)


def set_torn_tail_aside(folder: Path) -> None:
    """Cuts the newest segment to its last whole frame; the rest is kept in a file of its own."""
    numbers = segments(folder)
    if not numbers:
        return
    path = segment_path(folder, numbers[-1])
    end = whole_until(path)
    if end == path.stat().st_size:
        return
    with path.open("r+b") as file:
        file.seek(end)
        copy = path.with_name(f"{path.stem}{UNNOTED}")
        with os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as aside:
            aside.write(file.read())
            aside.flush()
            os.fsync(aside.fileno())
        sync_folder(folder)
        file.truncate(end)
        os.fsync(file.fileno())


def _last_gaps(folder: Path) -> Iterator[Gap]:
    """Gaps of the newest segments, back to one that holds a request: what a start that was cut short could note."""
    for number in reversed(segments(folder)):
        found = [one for _, one in read_segment(segment_path(folder, number), number, 0, closed=True)]
        yield from (one for one in found if isinstance(one, Gap))
        if any(isinstance(one, Intent | Exchange) for one in found):
            return
