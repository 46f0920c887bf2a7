"""The evidence log in the data folder: what may be appended, and in which order it reaches the disk.

Entries are synced before a tile holds them, tiles before a checkpoint covers them. So a crash at any moment leaves a
log that is whole up to its newest checkpoint; what came after is kept as far as it was written whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from switchover.clock import Clock
from switchover.errors import StoreUnavailable
from switchover.store.files import unavailable, write_whole

from . import canonical, merkle
from .checkpoint import Checkpoint, PublicKey, SigningKey, load_key
from .merkle import TILE
from .tail import Tail
from .tiles import Tiles, damaged, framed, make_folder

Event = Mapping[str, Any]

# An entry's length has 16 bits in a bundle.
MOST_BYTES = 65_535
LOCK_TRIES, LOCK_WAIT_S = 300, 0.01


class EvidenceLog:
    """The log in ``<data>/evidence``, signed with ``<data>/evidence.key``. Any number of processes may append to it.

    Nothing is kept between calls, so that each sees what the others appended. Every method raises StoreUnavailable when
    the files can't be read or written, or no longer fit the newest checkpoint: then nothing is appended or signed.
    """

    def __init__(self, data_dir: str | Path, clock: Clock) -> None:
        self.folder, self.clock = Path(data_dir, "evidence"), clock
        self.key_path = Path(data_dir, "evidence.key")
        self.tiles = Tiles(self.folder)

    def append(self, *events: Event) -> int:
        """Appends events, durably; returns the number of the last entry. Raises ValueError for what is no event."""
        with self._writing():
            open_ = _Open(self)
            open_.take(events)
            return open_.size - 1

    def sign(self) -> Checkpoint:
        """A checkpoint over everything appended so far; the newest one if it says so already."""
        with self._writing():
            open_ = _Open(self)
            open_.take(())
            return open_.sign()

    def checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint, if one was ever signed."""
        with self.reading():
            return newest_checkpoint(self.folder)

    def public_key(self) -> PublicKey:
        """The key that checkpoints are checked with."""
        return self.key().public

    def key(self) -> SigningKey:
        """The private key. One that is gone is not made anew beside a log that it signed."""
        known = known_key(self.folder)
        if known is not None and not self.key_path.exists():
            raise StoreUnavailable(
                f"{self.key_path} is gone, and the log in {self.folder} was signed with it",
                mend="restore it from a backup; or move the folder evidence/ away: a new log begins with a new key",
            )
        make_folder(self.key_path.parent)
        key = load_key(self.key_path)
        if known is None:
            make_folder(self.folder)
            write_whole(self.folder / "key.pub", f"{key.public}\n".encode())
        elif str(known) != str(key.public):
            raise StoreUnavailable(
                f"{self.key_path} is not the key that signed the log in {self.folder}",
                mend="bring back the log or the key that belongs to the other",
            )
        return key

    def entries(self, begin: int = 0) -> list[bytes]:
        """The entries from number ``begin`` on."""
        with self.reading():
            first = begin // TILE
            bundles = whole_bundles(self.tiles, first)
            found = [entry for index in range(first, bundles) for entry in self.tiles.bundle(index)]
            found += Tail(self.folder, bundles).entries
        return found[begin - first * TILE :]

    def state(self, size: int) -> tuple[int, int, int]:
        """Changes whenever something is appended to a log of at least ``size``: cheap to ask for."""
        bundles = whole_bundles(self.tiles, size // TILE)
        try:
            found = os.stat(self.folder / "tail" / str(bundles))
        except OSError:
            return bundles, 0, 0
        return bundles, found.st_size, found.st_mtime_ns

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Keeps writers out for as long as this lasts; a log that was never written needs no lock."""
        if self.folder.joinpath("lock").exists():
            with self._locked(os.O_RDONLY, fcntl.LOCK_SH):
                yield
        else:
            yield

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Keeps everybody else out."""
        make_folder(self.folder)
        with self._locked(os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX):
            yield

    @contextlib.contextmanager
    def _locked(self, flags: int, kind: int) -> Iterator[None]:
        path = self.folder / "lock"
        try:
            handle = os.open(path, flags, 0o600)
        except OSError as cause:
            raise unavailable(path, cause) from cause
        try:
            _lock(handle, path, kind)
            yield
        except OSError as cause:
            raise unavailable(self.folder, cause) from cause
        finally:
            os.close(handle)


class _Open:
    """The log while it is locked: checked against its newest checkpoint."""

    def __init__(self, log: EvidenceLog) -> None:
        self.log, self.tiles = log, log.tiles
        self.key = log.key()
        self.newest = newest_checkpoint(log.folder, self.key.public)
        known = self.newest.size if self.newest else 0
        self.tail = Tail(log.folder, whole_bundles(self.tiles, known // TILE))
        if self.newest is not None:
            if self.size < known:
                raise StoreUnavailable(
                    f"the evidence log in {log.folder} has {self.size} whole entries, and a checkpoint of {known}",
                    mend="restore the folder evidence/ from a backup, or move it away: a new log begins",
                )
            if self.root(known) != self.newest.root:
                raise StoreUnavailable(
                    f"the evidence log in {log.folder} is not what its checkpoint of {known} entries says",
                    mend="`switchover evidence verify` names the place; restore the folder evidence/ from a backup, "
                    "or move it away: a new log begins",
                )

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self.tail.begins + len(self.tail.entries)

    def root(self, size: int) -> bytes:
        """The root of the first ``size`` entries."""
        return self.tiles.root(size, self.tail.entries, self.tail.begins)

    def take(self, events: Sequence[Event]) -> None:
        """Appends events, after what the log has to say of itself."""
        own: list[Event] = []
        if self.tail.torn:
            own.append(self.tail.set_aside())
        if not self.size:
            own.insert(0, {"event": "log began", "format": 1, "key": str(self.key.public)})
        at = canonical.moment(self.log.clock.now())
        entries = [_entry(self.size + number, at, event) for number, event in enumerate([*own, *events])]
        while entries:
            room = TILE - len(self.tail.entries)
            if room:
                self.tail.append(entries[:room])
            entries = entries[room:]
            if len(self.tail.entries) == TILE:
                self._seal()

    def _seal(self) -> None:
        """The tail becomes a bundle; the next one begins empty."""
        index = self.tail.begins // TILE
        self.tiles.write("entries", index, TILE, framed(self.tail.entries))
        self.tiles.write(0, index, TILE, b"".join(map(merkle.leaf_hash, self.tail.entries)))
        self.tail.forget()
        for kind in ("entries", 0):
            self.tiles.forget_partial(kind, index)
        self.tail = Tail(self.log.folder, index + 1)

    def sign(self) -> Checkpoint:
        """Tiles first, then the newest checkpoint under its own name, then the copy that is kept."""
        found = self.newest
        if found is None or found.size != self.size:
            self.tiles.publish(self.size, self.tail.entries)
            found = self.key.sign(self.size, self.root(self.size))
            write_whole(self.log.folder / "checkpoint", found.note.encode())
        kept = self.log.folder / "checkpoints" / str(found.size)
        if not kept.exists():
            make_folder(kept.parent)
            write_whole(kept, found.note.encode())
        return found


def known_key(folder: Path) -> PublicKey | None:
    """The public key that lies beside a log."""
    path = folder / "key.pub"
    try:
        return PublicKey.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as cause:
        raise unavailable(path, cause) from cause
    except ValueError as cause:
        raise damaged(path) from cause


def newest_checkpoint(folder: Path, key: PublicKey | None = None) -> Checkpoint | None:
    """The newest checkpoint, its signature checked; of those kept, should it be gone."""
    key, path = key or known_key(folder), folder / "checkpoint"
    if not path.exists():
        kept = [path for path in folder.joinpath("checkpoints").glob("*") if path.name.isdigit()]
        path = max(kept, key=lambda one: int(one.name), default=path)
    if key is None or not path.exists():
        return None
    try:
        return key.read(path.read_text(encoding="utf-8"))
    except OSError as cause:
        raise unavailable(path, cause) from cause
    except ValueError as cause:
        raise StoreUnavailable(
            f"{path}: {cause}",
            mend="restore the folder evidence/ from a backup, or move it away: a new log begins",
        ) from cause


def whole_bundles(tiles: Tiles, begin: int) -> int:
    """How many whole bundles there are, of which the first ``begin`` need not be looked for."""
    found = begin
    while tiles.has("entries", found):
        found += 1
    return found


def _entry(number: int, at: str, event: Event) -> bytes:
    entry = canonical.encode({"n": number, "at": at, **event})
    if len(entry) > MOST_BYTES:
        raise ValueError(f"an event of {len(entry)} bytes; a log's entry has {MOST_BYTES} at most")
    return entry


def _lock(handle: int, path: Path, kind: int) -> None:
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_WAIT_S)
        else:
            return
    raise StoreUnavailable(
        f"{path} is held by another process", mend="see which one holds it (fuser), and end it if it hangs"
    )
