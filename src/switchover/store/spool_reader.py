"""Reads a worker's spool, while it is written and after a crash."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterator
from pathlib import Path

from switchover.domain.exchange import Exchange, Intent

from . import spool_frames as frames
from .spool_frames import Began, Gap, Position, Rot

KIND = re.compile(b"[" + b"".join([*frames.KINDS.values(), frames.SEALED]) + b"]")
Found = Intent | Exchange | Gap | Began | Rot


def segments(folder: Path) -> list[int]:
    """Numbers of the segments in a worker's folder, in order."""
    try:
        return sorted(int(name.stem) for name in folder.glob("*.seg") if name.stem.isdigit())
    except OSError:
        return []


def segment_path(folder: Path, number: int) -> Path:
    """Where a segment lies."""
    return folder / f"{number:010d}.seg"


def read_spool(folder: Path, position: tuple[int, int] = (0, 0)) -> Iterator[tuple[Position, Found]]:
    """Records after ``position``, each with the position after it.

    Stops at the end of the newest segment, before a frame that is not whole yet. Bytes that rotted before it come as
    one :class:`~switchover.store.spool_frames.Rot` each, and reading goes on behind them.
    """
    numbers = [number for number in segments(folder) if number >= position[0]]
    for number in numbers:
        offset = position[1] if number == position[0] else 0
        yield from read_segment(segment_path(folder, number), number, offset, closed=number != numbers[-1])


def read_segment(path: Path, number: int, offset: int, *, closed: bool) -> Iterator[tuple[Position, Found]]:
    """Records of one segment after ``offset``; what is left at the end of a ``closed`` one is reported as rot."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= max(offset, frames.HEAD.size - 1):
            if closed and size and size < frames.HEAD.size and offset < size:
                yield Position(number, size), Rot(length=size, reason=frames.TORN_HEAD)
            return
        with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as data:
            for end, found in _walk(data, offset, closed):
                yield Position(number, end), found


def _walk(data: mmap.mmap, offset: int, closed: bool) -> Iterator[tuple[int, Found]]:
    magic, salt, _ = frames.HEAD.unpack_from(data, 0)
    if magic != frames.MAGIC:
        if closed and offset < len(data):
            yield len(data), Rot(length=len(data), reason=frames.DAMAGED_HEAD)
        return
    at = max(offset, frames.HEAD.size)
    while at < len(data):
        record = _record(data, at, salt)
        if record is not None:
            at, found = record
            yield at, found
            continue
        ahead = next_frame(data, at + 1, salt) if closed or not _growing(data, at) else None
        if ahead is None and not closed:
            return
        behind = len(data) if ahead is None else ahead
        yield behind, Rot(length=behind - at)
        at = behind


def _record(data: mmap.mmap, at: int, salt: int) -> tuple[int, Found] | None:
    """The record at ``at`` and the byte after it. The bytes are copied: the file is unmapped before they are."""
    with memoryview(data) as view:
        payload = frames.whole_frame(view, at, salt)
        if payload is None:
            return None
        with payload:
            whole, end = bytes(payload), at + frames.FRAME.size + len(payload)
    found = frames.decode(whole)
    return end, found if found is not None else Rot(length=len(whole), reason=frames.UNKNOWN_KIND)


def _growing(data: mmap.mmap, at: int) -> bool:
    """True when the frame at ``at`` reaches past the end: it may be still on its way."""
    if at + frames.FRAME.size > len(data):
        return True
    length, _ = frames.FRAME.unpack_from(data, at)
    return bool(at + frames.FRAME.size + length > len(data))


def next_frame(data: mmap.mmap, at: int, salt: int) -> int | None:
    """Where the next whole frame begins, at or after ``at``."""
    with memoryview(data) as view:
        for kind in KIND.finditer(data, at + frames.FRAME.size):
            start = kind.start() - frames.FRAME.size
            payload = frames.whole_frame(view, start, salt)
            if payload is not None:
                payload.release()
                return start
    return None


def whole_until(path: Path) -> int:
    """The byte after the last whole frame of a segment; 0 when not even its head is whole."""
    size = path.stat().st_size
    if size < frames.HEAD.size:
        return 0
    end = frames.HEAD.size
    for position, found in read_segment(path, 0, 0, closed=True):
        if not isinstance(found, Rot) or found.reason == frames.UNKNOWN_KIND:
            end = position.offset
        elif found.reason == frames.DAMAGED_HEAD:
            return size  # nothing can be told apart here: left as it is, and reported as rot
    return end
