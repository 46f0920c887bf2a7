"""A worker's counts of what it has reserved and settled, in memory that outlives it, and the proof that it lives.

``budget/<holder>.lease`` is mapped into memory: what a worker wrote there is there after it was killed, at the price of
a store. The worker keeps the file locked; the kernel lets go of the lock when the worker is gone, however it went, and
not while it is merely stopped. So whoever gets the lock knows that the counts are final. After a loss of power the
counts may be old, which the boot's id in the file tells: then they say nothing.

256 bytes of head (msgspec JSON, NUL-padded), then slots of 128 bytes: a lease's name in 96, and four signed 64-bit
integers (settled, reserved, unknown, and 1 where the cap is soft), each written whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from .files import unavailable

FOLDER = "budget"
HEAD, SLOT, NAME = 256, 128, 96
# A day's and a month's lease of four thousand caller keys.
SLOTS = 8192
BOOT = Path("/proc/sys/kernel/random/boot_id")
SEPARATOR = "|"


class LeftBehind(NamedTuple):
    """What a lease came to: settled, not known (of it), and reserved; ``soft``: it may be more than was granted."""

    settled: int
    unknown: int
    reserved: int
    soft: bool = False


class Head(msgspec.Struct):
    """What a file says of its worker."""

    holder: str
    boot: str


def boot_id() -> str:
    """Names this run of the machine; empty where the system does not tell."""
    with contextlib.suppress(OSError):
        return BOOT.read_text(encoding="ascii").strip()
    return ""


def replica_id(data_dir: str | Path) -> str:
    """Names this data folder among those that share a ledger; made once."""
    path = Path(data_dir, FOLDER, "replica")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".replica.{os.getpid()}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(handle, secrets.token_hex(8).encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        with contextlib.suppress(FileExistsError):
            # Whole or not there, and never another once there.
            os.link(draft, path)
        draft.unlink()
        return path.read_text(encoding="ascii").strip()
    except OSError as cause:
        raise unavailable(path, cause) from cause


class LeaseFile:
    """The file of one worker's life; raises StoreUnavailable when it can't be made."""

    def __init__(self, data_dir: str | Path, worker: str) -> None:
        self.holder = f"{replica_id(data_dir)}.{worker}.{secrets.token_hex(6)}"
        self.path = Path(data_dir, FOLDER, f"{self.holder}.lease")
        draft = self.path.with_suffix(".draft")
        try:
            # Locked before it has its name: nobody finds it unlocked while its worker lives.
            self._handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            head = msgspec.json.encode(Head(self.holder, boot_id()))
            os.ftruncate(self._handle, HEAD + SLOTS * SLOT)
            os.pwrite(self._handle, head, 0)
            os.rename(draft, self.path)
            self._map = mmap.mmap(self._handle, HEAD + SLOTS * SLOT)
        except OSError as cause:
            raise unavailable(self.path, cause) from cause
        self._counts = memoryview(self._map).cast("q")
        self._free = list(range(SLOTS - 1, -1, -1))
        self._used: dict[str, int] = {}

    def counts(self, budget: str, period: str) -> memoryview:
        """The counts of a lease, from zero: to be had before anything is reserved on it. Raises StoreUnavailable."""
        name = f"{budget}{SEPARATOR}{period}".encode()
        if not self._free or len(name) >= NAME:
            raise unavailable(self.path, OSError(0, "no room for one more budget"))
        place = self._used[name.decode()] = self._free.pop()
        begin = HEAD + place * SLOT
        first = (begin + NAME) // 8
        for number in range(first, first + 4):
            self._counts[number] = 0
        self._map[begin : begin + NAME] = name.ljust(NAME, b"\0")
        return self._counts[first : first + 4]

    def forget(self, budget: str, period: str) -> None:
        """The lease is closed: its counts may serve another."""
        place = self._used.pop(f"{budget}{SEPARATOR}{period}", None)
        if place is not None:
            begin = HEAD + place * SLOT
            self._map[begin : begin + NAME] = bytes(NAME)
            self._free.append(place)

    def all(self) -> dict[tuple[str, str], LeftBehind]:
        """Of every lease what was settled, how much of that is not known, and what is reserved."""
        return _counts(self._map[:])

    def close(self, *, remove: bool) -> None:
        """Lets go of the lock; ``remove``: every lease is closed. Counts may be held on to, and say nothing."""
        if remove:
            self.path.unlink(missing_ok=True)
        # The mapping holds on to the same open file, and so to its lock.
        fcntl.flock(self._handle, fcntl.LOCK_UN)
        os.close(self._handle)


def dead(data_dir: str | Path) -> Iterator[tuple[str, dict[tuple[str, str], LeftBehind] | None, Path]]:
    """The workers of this folder that are gone: holder, what they had settled, not known and reserved, and their file.

    None: their counts say nothing. Each file is kept locked until the next one is asked for.
    """
    boot = boot_id()
    for path in sorted(Path(data_dir, FOLDER).glob("*.lease")):
        try:
            handle = os.open(path, os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield path.name.removesuffix(".lease"), _read(os.pread(handle, HEAD + SLOTS * SLOT, 0), boot), path
        except BlockingIOError:
            # It lives, or somebody else is at it.
            continue
        finally:
            os.close(handle)


def living(data_dir: str | Path) -> set[str]:
    """The holders that have a file, dead or alive."""
    return {path.name.removesuffix(".lease") for path in Path(data_dir, FOLDER).glob("*.lease")}


def _read(data: bytes, boot: str) -> dict[tuple[str, str], LeftBehind] | None:
    try:
        head = msgspec.json.decode(data[:HEAD].rstrip(b"\0"), type=Head)
    except msgspec.MsgspecError:
        return None
    if len(data) != HEAD + SLOTS * SLOT or not boot or head.boot != boot:
        return None
    return _counts(data)


def _counts(data: bytes) -> dict[tuple[str, str], LeftBehind]:
    found = {}
    counts = memoryview(data).cast("q")
    for begin in range(HEAD, len(data), SLOT):
        name = data[begin : begin + NAME].rstrip(b"\0")
        if name:
            budget, _, period = name.decode("utf-8", "replace").rpartition(SEPARATOR)
            first = (begin + NAME) // 8
            settled, reserved, unknown, soft = counts[first : first + 4]
            found[budget, period] = LeftBehind(settled, unknown, reserved, bool(soft))
    return found
