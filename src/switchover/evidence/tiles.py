"""The log's files, in the layout of C2SP tlog-tiles: entry bundles, and tiles of hashes 256 wide."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from switchover.errors import StoreUnavailable
from switchover.store.files import sync_folder, unavailable, write_whole

from . import merkle
from .merkle import TILE

HASH = 32


def place(kind: str | int, index: int, width: int = TILE) -> str:
    """The path of a tile under ``tile/``: ``kind`` is a level or "entries"; a partial one names its width."""
    last, above = f"{index % 1000:03d}", index // 1000
    parts = [last]
    while above:
        parts.insert(0, f"x{above % 1000:03d}")
        above //= 1000
    return f"tile/{kind}/{'/'.join(parts)}" + ("" if width == TILE else f".p/{width}")


def framed(entries: Sequence[bytes]) -> bytes:
    """Entries as a bundle: each after its length, 16 bits, big-endian."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unframed(data: bytes) -> tuple[list[bytes], int]:
    """The whole entries at the beginning of a bundle, and the bytes that they take."""
    found, at = [], 0
    while at + 2 <= len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data):
            break
        found.append(data[at + 2 : end])
        at = end
    return found, at


class Tiles:
    """Reads and writes the tiles in a folder. Raises StoreUnavailable for what is missing, damaged or can't be had."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, kind: str | int, index: int) -> bool:
        """Whether the whole tile is there."""
        return (self.folder / place(kind, index)).exists()

    def bundle(self, index: int) -> list[bytes]:
        """The 256 entries of a whole bundle."""
        path = self.folder / place("entries", index)
        try:
            data = path.read_bytes()
        except OSError as cause:
            raise unavailable(path, cause) from cause
        entries, used = unframed(data)
        if used != len(data) or len(entries) != TILE:
            raise damaged(path)
        return entries

    def hashes(self, level: int, index: int, width: int = TILE) -> list[bytes]:
        """The first ``width`` hashes of a tile; one that was never written is worked out from what is below it."""
        for wide in (TILE, width):
            path = self.folder / place(level, index, wide)
            with contextlib.suppress(FileNotFoundError):
                try:
                    data = path.read_bytes()
                except FileNotFoundError:
                    raise
                except OSError as cause:
                    raise unavailable(path, cause) from cause
                if len(data) != HASH * wide:
                    raise damaged(path)
                return [data[at : at + HASH] for at in range(0, HASH * width, HASH)]
        if level == 0:
            return [merkle.leaf_hash(entry) for entry in self.bundle(index)[:width]]
        return [merkle.root(self.hashes(level - 1, index * TILE + at)) for at in range(width)]

    def write(self, kind: str | int, index: int, width: int, data: bytes) -> None:
        """Writes a tile, durably, unless it is there."""
        path = self.folder / place(kind, index, width)
        if not path.exists():
            make_folder(path.parent)
            write_whole(path, data)

    def publish(self, size: int, tail: Sequence[bytes]) -> None:
        """Writes every tile that a tree of ``size`` has; ``tail`` are the entries of its last, partial bundle."""
        level, count = 0, size
        while count:
            index, width = divmod(count, TILE)
            last = index - 1
            while last >= 0 and not self.has(level, last):
                self.write(level, last, TILE, b"".join(self.hashes(level, last)))
                last -= 1
            if width and level:
                self.write(level, index, width, b"".join(self.hashes(level, index, width)))
            elif width:
                self.write("entries", index, width, framed(tail))
                self.write(0, index, width, b"".join(merkle.leaf_hash(entry) for entry in tail))
            level, count = level + 1, index

    def forget_partial(self, kind: str | int, index: int) -> None:
        """Removes partial tiles of which there is the whole one, as tlog-tiles allows."""
        whole = self.folder / place(kind, index)
        shutil.rmtree(whole.with_name(f"{whole.name}.p"), ignore_errors=True)

    def root(self, size: int, tail: Sequence[bytes], tail_begins: int) -> bytes:
        """The root of the first ``size`` entries; those from ``tail_begins`` (a bundle's beginning) on are ``tail``."""
        found: list[list[bytes]] = []
        level, count = 0, size
        while count:
            index, width = divmod(count, TILE)
            if width and level == 0 and index * TILE == tail_begins:
                found.append([merkle.leaf_hash(entry) for entry in tail[:width]])
            else:
                found.append(self.hashes(level, index, width) if width else [])
            level, count = level + 1, index
        return merkle.join([peak for hashes in reversed(found) for peak in merkle.peaks(hashes)])


def damaged(path: Path) -> StoreUnavailable:
    """Our error for a file of the log that is not what it should be."""
    return StoreUnavailable(
        f"{path} is damaged",
        mend="see `switchover evidence verify`; restore the folder evidence/ from a backup, or move it away: "
        "a new log begins",
    )


def make_folder(path: Path) -> None:
    """Makes a folder with those above it, so that they survive a power loss."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
            sync_folder(folder.parent)
    except OSError as cause:
        raise unavailable(path, cause) from cause


def write_all(handle: int, data: bytes) -> None:
    """Writes all of it. Raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
