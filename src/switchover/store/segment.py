"""One segment file, and the pre-allocated file that a gap always fits in."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from . import spool_frames as frames
from .files import sync_folder

RESERVE = "reserve"
RESERVED = 4096


class Segment:
    """A file that frames are appended to. ``end`` is the byte after the last whole frame written."""

    def __init__(self, folder: Path, number: int) -> None:
        self.path = folder / f"{number:010d}.seg"
        self.number, self.end = number, 0
        head, self.salt = frames.segment_head()
        self._handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            self.write(head)
            sync_folder(folder)
        except OSError:
            self.drop()
            raise

    def write(self, data: bytes) -> None:
        """Appends all of it, or raises OSError with the file as it was."""
        try:
            written = os.write(self._handle, data)
            while written < len(data):
                written += os.write(self._handle, memoryview(data)[written:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self.end)
            raise
        self.end += len(data)

    def sync(self) -> None:
        """Returns once what was written survives a power loss. After an OSError it must not be called again."""
        os.fdatasync(self._handle)

    def close(self) -> None:
        """Closes the file."""
        with contextlib.suppress(OSError):
            os.close(self._handle)

    def drop(self) -> None:
        """Removes a segment that nothing was ever written to."""
        self.close()
        with contextlib.suppress(OSError):
            self.path.unlink()


class Reserve:
    """A file whose blocks are ours already: a full disk still takes a gap."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / RESERVE

    def keep(self, gap: frames.Gap) -> None:
        """Writes the gap over the blocks that are there."""
        payload = frames.encode(gap)
        self._overwrite(frames.frame(payload, 0).ljust(RESERVED, b"\0")[:RESERVED])

    def clear(self) -> None:
        """Empties it; the blocks stay."""
        self._overwrite(bytes(RESERVED))

    def prepare(self) -> None:
        """Takes the blocks, unless they are ours; the name lasts once the folder is synced."""
        if not self.path.exists() or self.path.stat().st_size < RESERVED:
            self.clear()

    def _overwrite(self, data: bytes) -> None:
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(handle, data, 0)
            os.fsync(handle)
        finally:
            os.close(handle)

    def read(self) -> frames.Gap | None:
        """The gap that is in it, left by a run that ended with the disk still full."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        found = frames.whole_frame(data, 0, 0)
        record = frames.decode(found) if found else None
        return record if isinstance(record, frames.Gap) else None
