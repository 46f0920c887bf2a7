"""The archive against the log: which file was changed, dropped or added since an entry vouched for its partition."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from switchover.errors import StoreUnavailable
from switchover.store.archive.partitions import Partition
from switchover.store.archive.target import MANIFEST, Target, read_manifest

from . import canonical, events


@dataclass(frozen=True, slots=True)
class Vouched:
    """The newest entry about a partition: its number, and the SHA-256 of the manifest."""

    entry: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What holds: so many partitions, files and rows; ``wrong`` says what does not."""

    partitions: int
    files: int
    rows: int
    wrong: tuple[str, ...]


def vouched(entries: Iterable[bytes]) -> dict[Partition, Vouched]:
    """What the log's entries (from the first one on) say that the archive holds."""
    found: dict[Partition, Vouched] = {}
    for data in entries:
        entry = canonical.decode(data)
        if entry["event"] in (events.ARCHIVED, events.ARCHIVE_REMOVED):
            partition = Partition(str(entry["process"]), str(entry["day"]))
            found.pop(partition, None)
            if entry["event"] == events.ARCHIVED:
                found[partition] = Vouched(int(entry["n"]), str(entry["sha256"]))
    return found


def check(target: Target, known: dict[Partition, Vouched]) -> Checked:
    """Reads the whole archive. Raises StoreUnavailable where it can't be read."""
    there = set(target.paths())
    wrong: list[str] = []
    files = rows = 0
    for partition, said in sorted(known.items()):
        path = f"{partition.path}/{MANIFEST}"
        there.discard(path)
        data = target.get(path)
        if data is None:
            wrong.append(f"{path} is gone; entry {said.entry} vouches for it")
            continue
        if hashlib.sha256(data).hexdigest() != said.sha256:
            wrong.append(f"{path} was changed: it is not the one that entry {said.entry} vouches for")
            continue
        for name, expected, count in _parts(data):
            files, rows = files + 1, rows + count
            there.discard(f"{partition.path}/{name}")
            wrong += _of_file(target, f"{partition.path}/{name}", expected)
    wrong += [f"{path} was added: no entry vouches for it" for path in sorted(there)]
    return Checked(partitions=len(known), files=files, rows=rows, wrong=tuple(wrong))


def _parts(data: bytes) -> Iterator[tuple[str, str, int]]:
    try:
        _, parts = read_manifest(data)
    except StoreUnavailable:
        # It is the one that was noted: written by another version of ours.
        return
    for part in parts:
        yield part.name, part.sha256, part.rows


def _of_file(target: Target, path: str, expected: str) -> list[str]:
    data = target.get(path)
    if data is None:
        return [f"{path} was dropped: its manifest names it"]
    if hashlib.sha256(data).hexdigest() != expected:
        return [f"{path} was changed: its bytes are not those that its manifest names"]
    return []
