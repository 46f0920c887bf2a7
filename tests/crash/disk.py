"""What a disk keeps when the power goes: a model of the page cache beside what was synced. Pure.

A file's bytes and size are durable by a sync of the file, a folder's names by a sync of the folder, and by nothing
else. Of the rest any part may survive, in any order, a sector torn anywhere, with zeros, bytes of other files or
garbage where nothing arrived. After a sync that failed, the cache shows what the disk may never get.
"""

from __future__ import annotations

import errno
import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

SECTOR = 512
STALE = 1 << 16
# How much of what was not synced survives, drawn for each loss of power.
SURVIVES = (0.0, 0.2, 0.5, 0.9, 1.0)


@dataclass(eq=False)
class File:
    """``pending`` are writes (offset, bytes) and changes of size (size, None) since the last sync."""

    cache: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)


@dataclass(eq=False)
class Folder:
    """``pending`` are names bound since the last sync: to a node, or to nothing; a renaming binds two at once."""

    names: dict[str, File | Folder] = field(default_factory=dict)
    durable: dict[str, File | Folder] = field(default_factory=dict)
    pending: list[dict[str, File | Folder | None]] = field(default_factory=list)


@dataclass
class Trouble:
    """What befalls a disk, counted in its operations: when it goes ``off``, and which syncs and writes fail.

    ``full``: the operations from which to which it takes no new bytes.
    """

    off: int | None = None
    failing_syncs: frozenset[int] = frozenset()
    full: tuple[int, int] = (0, 0)


class Disk:
    """Names and bytes by path. ``off`` once the power is gone: ``went_off()`` is called, and everything fails."""

    def __init__(self, seed: int, went_off: Callable[[], None] = lambda: None) -> None:
        self.chance, self.went_off = random.Random(seed), went_off
        self.root, self.lock, self.off = Folder(), threading.Lock(), False
        self.trouble = Trouble()
        self.operations = self.syncs = 0
        # What the blocks of a file that went may still hold.
        self._stale: dict[File, bytes] = {}

    # -- what a program does

    def create(self, path: str, *, folder: bool = False) -> File | Folder:
        """A new file or folder, known to the cache only."""
        with self.lock:
            self._step(grows=True)
            made: File | Folder = Folder() if folder else File()
            parent, name = self._parent(path)
            self._bind(parent, {name: made})
            self._step_done()
            return made

    def rename(self, old: str, new: str) -> None:
        """Within one folder."""
        with self.lock:
            self._step()
            (parent, name), (other, to) = self._parent(old), self._parent(new)
            if parent is not other:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            self._bind(parent, {name: None, to: parent.names[name]})
            self._step_done()

    def unlink(self, path: str) -> None:
        """The name goes; what was under it may come back."""
        with self.lock:
            self._step()
            parent, name = self._parent(path)
            self._bind(parent, {name: None})
            self._step_done()

    def write(self, file: File, data: bytes, at: int) -> int:
        """Into the cache."""
        with self.lock:
            self._step(grows=at + len(data) > len(file.cache))
            _place(file.cache, at, data)
            file.pending.append((at, bytes(data)))
            self._step_done()
            return len(data)

    def truncate(self, file: File, size: int) -> None:
        """In the cache."""
        with self.lock:
            self._step()
            _resize(file.cache, size)
            file.pending.append((size, None))
            self._step_done()

    def sync(self, node: File | Folder) -> None:
        """Durable once this returns; what a failed one leaves behind is in the cache, and not on its way any more."""
        with self.lock:
            self._step()
            self._step_done()
            self.syncs += 1
            failing = self.syncs in self.trouble.failing_syncs
            if isinstance(node, File):
                if failing:
                    node.durable = self._some(node, 0.5)
                else:
                    _write_back(node)
                node.pending = []
                if node.durable:
                    self._stale[node] = bytes(node.durable[-STALE:])
            elif not failing:
                node.durable, node.pending = dict(node.names), []
            if failing:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

    def find(self, path: str) -> File | Folder:
        """The node at a path."""
        node: File | Folder = self.root
        for name in filter(None, path.split("/")):
            if not isinstance(node, Folder) or name not in node.names:
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
            node = node.names[name]
        return node

    # -- what befalls it

    def begin(self, trouble: Trouble) -> None:
        """The power is on, and this is what will happen."""
        with self.lock:
            self.trouble, self.operations, self.syncs = trouble, 0, 0
            self.off = False

    def lose_power(self) -> None:
        """What comes back is what a disk could have: it is durable from here on."""
        with self.lock:
            self._survive(self.root, self.chance.choice(SURVIVES), set())

    def _survive(self, node: File | Folder, share: float, seen: set[int]) -> None:
        if id(node) in seen:
            return
        seen.add(id(node))
        if isinstance(node, File):
            node.durable = self._some(node, share)
            node.cache, node.pending = bytearray(node.durable), []
            return
        there = dict(node.durable)
        # A journal gives back the first of them, other file systems any.
        first = self.chance.randint(0, len(node.pending)) if self.chance.random() < 0.5 else None
        for number, bound in enumerate(node.pending):
            if number < first if first is not None else self.chance.random() < share:
                _apply(there, bound)
        node.durable, node.names, node.pending = there, dict(there), []
        for below in there.values():
            self._survive(below, share, seen)

    def _some(self, file: File, share: float) -> bytearray:
        """The durable bytes with a part of what was not synced."""
        out, chance = bytearray(file.durable), self.chance
        for at, data in file.pending:
            if data is None:
                if chance.random() < share:
                    _resize(out, at)
                continue
            for begin, piece in _sectors(at, data):
                if chance.random() < share:
                    torn = chance.random() < 0.1
                    piece = piece[: chance.randrange(len(piece))] if torn else piece
                    if begin > len(out):
                        out += self._garbage(file, begin - len(out))
                    _place(out, begin, piece)
        if share and len(out) < len(file.cache) and chance.random() < 0.3:
            out += self._garbage(file, len(file.cache) - len(out))
        return out

    def _garbage(self, file: File, count: int) -> bytes:
        """What lies where nothing was written: zeros, what another file once held, anything."""
        kind, others = self.chance.random(), [held for one, held in self._stale.items() if one is not file]
        if kind < 0.6 or (kind < 0.85 and not others):
            return bytes(count)
        if kind < 0.85:
            held = self.chance.choice(others)
            return (held[self.chance.randrange(len(held)) :] + bytes(count))[:count]
        return self.chance.randbytes(count)

    # -- within

    def _step(self, *, grows: bool = False) -> None:
        if self.off:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.operations += 1
        begin, end = self.trouble.full
        if grows and begin <= self.operations < end:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _step_done(self) -> None:
        """The power may go with an operation under way: it is in the cache, and nobody hears that it was done."""
        if self.trouble.off is not None and self.operations >= self.trouble.off:
            self.off = True
            self.went_off()
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _parent(self, path: str) -> tuple[Folder, str]:
        above, _, name = path.rpartition("/")
        found = self.find(above)
        if not isinstance(found, Folder):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return found, name

    def _bind(self, folder: Folder, bound: dict[str, File | Folder | None]) -> None:
        _apply(folder.names, bound)
        folder.pending.append(bound)


def _apply(names: dict[str, File | Folder], bound: dict[str, File | Folder | None]) -> None:
    for name, node in bound.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


def _write_back(file: File) -> None:
    """What is on its way arrives; what a failed sync left behind in the cache is not on its way."""
    for at, data in file.pending:
        if data is None:
            _resize(file.durable, at)
        else:
            _place(file.durable, at, data)


def _place(out: bytearray, at: int, data: bytes) -> None:
    if at > len(out):
        out += bytes(at - len(out))
    out[at : at + len(data)] = data


def _resize(out: bytearray, size: int) -> None:
    if size < len(out):
        del out[size:]
    else:
        out += bytes(size - len(out))


def _sectors(at: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """The parts of a write by sector of the file."""
    begin = 0
    while begin < len(data):
        end = min(len(data), begin + SECTOR - (at + begin) % SECTOR)
        yield at + begin, data[begin:end]
        begin = end
