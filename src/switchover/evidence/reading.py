"""The log read for people: from the newest entry back, so much at a time, each against what was signed.

A look costs what it shows. It checks the newest checkpoint's signature and root against the files, and every whole
bundle that it reads against the tiles up to that root. Entries that it does not read it does not check: the whole takes
``switchover evidence verify``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from switchover.errors import StoreUnavailable

from . import merkle
from .checkpoint import Checkpoint, PublicKey
from .log import EvidenceLog, known_key, newest_checkpoint, whole_bundles
from .merkle import TILE
from .tail import Tail

Entry = Mapping[str, Any]
# So many entries are looked at for one page: 80 bundles, about 0.1 s.
MOST_LOOKED_AT = 20_480


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Entries, newest first. ``looked_at`` were looked at; ``onward``: those below this number were not, None: all."""

    entries: tuple[Entry, ...]
    looked_at: int
    onward: int | None


@dataclass(kw_only=True)
class Reading:
    """The log as it stood at one moment. ``wrong`` says what does not hold; it grows as more is read."""

    log: EvidenceLog
    bundles: int
    tail: tuple[bytes, ...]
    checkpoint: Checkpoint | None
    key: PublicKey | None
    wrong: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self.bundles * TILE + len(self.tail)

    @property
    def covered(self) -> int:
        """How many of them the newest checkpoint covers."""
        return self.checkpoint.size if self.checkpoint is not None else 0

    @cached_property
    def signed_at(self) -> float | None:
        """When the newest checkpoint was written, by this machine's clock (Unix seconds)."""
        if self.checkpoint is None:
            return None
        for path in (self.log.folder / "checkpoints" / str(self.checkpoint.size), self.log.folder / "checkpoint"):
            try:
                return path.stat().st_mtime
            except OSError:
                continue
        return None

    def newest(
        self,
        wanted: Callable[[Entry], bool],
        *,
        before: int | None = None,
        most: int = 50,
        look_at: int = MOST_LOOKED_AT,
    ) -> Part:
        """The newest entries below the number ``before`` that are ``wanted``, at most so many."""
        found: list[Entry] = []
        begin = at = min(self.size, before) if before is not None else self.size
        while at > 0 and len(found) < most and begin - at < look_at:
            at -= 1
            entry = self._entry(at)
            if entry is not None and wanted(entry):
                found.append(entry)
        return Part(entries=tuple(found), looked_at=begin - at, onward=at if at > 0 else None)

    def since(self, moment: str, wanted: Callable[[Entry], bool], *, most: int, look_at: int) -> tuple[Entry, ...]:
        """The first entries noted from ``moment`` (as entries have it) on that are wanted, oldest first."""
        low, high = 0, self.bundles
        while low < high:
            middle = (low + high) // 2
            if self._moment(middle) < moment:
                low = middle + 1
            else:
                high = middle
        found: list[Entry] = []
        begin = max(low - 1, 0) * TILE
        for number in range(begin, min(self.size, begin + look_at)):
            entry = self._entry(number)
            if entry is not None and str(entry.get("at", "")) >= moment and wanted(entry):
                found.append(entry)
                if len(found) == most:
                    break
        return tuple(found)

    def _moment(self, index: int) -> str:
        entry = self._entry(index * TILE)
        return str(entry.get("at", "")) if entry is not None else ""

    def _entry(self, number: int) -> Entry | None:
        """An entry; one that is none of ours is said to be wrong, once."""
        index, place = divmod(number, TILE)
        try:
            raw = self.tail[place] if index >= self.bundles else self._bundle(index)[place]
            found = json.loads(raw)
            if isinstance(found, dict) and found.get("n") == number:
                return found
        except StoreUnavailable as error:
            self._say(str(error).partition("\n")[0])
            return None
        except (ValueError, IndexError):
            pass
        self._say(f"entry {number} is none that this log wrote")
        return None

    def _bundle(self, index: int) -> list[bytes]:
        if index not in self._read:
            found = self.log.tiles.bundle(index)
            self._check(index, found)
            # Whoever reads back needs one at a time; a second is kept for whoever searches.
            self._read.clear()
            self._read[index] = found
        return self._read[index]

    @cached_property
    def _read(self) -> dict[int, list[bytes]]:
        return {}

    def _check(self, index: int, entries: list[bytes]) -> None:
        """Whether a bundle is what the tiles say up to the checkpoint's root, as far as that covers it."""
        tiles, size = self.log.tiles, self.covered
        leaves = [merkle.leaf_hash(entry) for entry in entries]
        first, last = index * TILE, (index + 1) * TILE - 1
        said = f"the entries {first} to {last} are not those that were signed"
        if size < last + 1:
            if leaves[: max(size - first, 0)] != tiles.hashes(0, index)[: max(size - first, 0)]:
                self._say(said)
            return
        root, at, level = merkle.root(leaves), index, 1
        while True:
            tile, place = divmod(at, TILE)
            width = min(TILE, size // TILE**level - tile * TILE)
            hashes = tiles.hashes(level, tile, width)
            if hashes[place] != root:
                return self._say(said)
            if width < TILE:
                return
            root, at, level = merkle.root(hashes), tile, level + 1

    def _say(self, what: str) -> None:
        if what not in self.wrong:
            self.wrong.append(what)


def read(log: EvidenceLog) -> Reading:
    """The log as it stands; what does not hold is in ``wrong``. Raises StoreUnavailable where it can not be had."""
    wrong: list[str] = []
    key, checkpoint = None, None
    with log.reading():
        try:
            key = known_key(log.folder)
            if key is not None:
                # Not made anew: beside a log there is one, or that is an error.
                log.key()
            checkpoint = newest_checkpoint(log.folder, key)
        except StoreUnavailable as error:
            wrong.append(str(error).partition("\n")[0])
        bundles = whole_bundles(log.tiles, 0)
        tail = Tail(log.folder, bundles)
    found = Reading(
        log=log, bundles=bundles, tail=tuple(tail.entries), checkpoint=checkpoint, key=key, wrong=wrong
    )  # fmt: skip
    if checkpoint is not None:
        wrong += _unlike(found, checkpoint)
    elif found.size and not wrong:
        what = "its public key, key.pub, is gone" if key is None else "there is no checkpoint"
        wrong.append(f"{what}: nothing vouches for the entries")
    return found


def _unlike(found: Reading, checkpoint: Checkpoint) -> Iterator[str]:
    """What the newest checkpoint says and the files do not."""
    if found.size < checkpoint.size:
        there = f"the log has {found.size} whole entries, and a checkpoint of {checkpoint.size}"
        yield f"{there}: it was cut, or rolled back"
        return
    try:
        root = found.log.tiles.root(checkpoint.size, found.tail, found.bundles * TILE)
    except StoreUnavailable as error:
        yield str(error).partition("\n")[0]
        return
    if root != checkpoint.root:
        yield f"the log is not what its checkpoint of {checkpoint.size} entries says"
