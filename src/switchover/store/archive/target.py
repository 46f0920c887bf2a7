"""Where the archive lies: a folder, or whatever else has these four methods; and the manifest of a partition."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from switchover.errors import StoreUnavailable

from ..files import sync_folder, unavailable, write_whole
from .partitions import Partition
from .parts import Part

# Its first letter hides it from readers of Hive's partitions.
MANIFEST = "_manifest.json"


class Target(Protocol):
    """Files by path, with "/" between its parts. Each method raises StoreUnavailable where the place can't be used."""

    def put(self, path: str, data: bytes) -> None:
        """Writes a file: whole, or not at all; one that is there is replaced."""
        ...

    def get(self, path: str) -> bytes | None:
        """A file, or None when there is none."""
        ...

    def paths(self) -> list[str]:
        """Every file, sorted."""
        ...

    def remove(self, path: str) -> None:
        """Removes a file; one that is not there is removed already."""
        ...


class Folder:
    """An archive in a local folder, readable by its owner only."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def put(self, path: str, data: bytes) -> None:
        """See :class:`Target`."""
        target = self.folder / path
        try:
            self._make(target.parent)
            # Of this very file, as a crash left them.
            for draft in target.parent.glob(f".{target.name}.*.draft"):
                draft.unlink(missing_ok=True)
        except OSError as cause:
            raise unavailable(target.parent, cause) from cause
        write_whole(target, data)

    def _make(self, folder: Path) -> None:
        """Makes a folder and those above it, durably."""
        if folder.is_dir():
            return
        self._make(folder.parent)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        sync_folder(folder.parent)

    def get(self, path: str) -> bytes | None:
        """See :class:`Target`."""
        try:
            return self.folder.joinpath(path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as cause:
            raise unavailable(self.folder / path, cause) from cause

    def paths(self) -> list[str]:
        """See :class:`Target`. A draft that a crash left is none of them."""
        found = []
        for folder, _, names in os.walk(self.folder):
            found += [
                Path(folder, name).relative_to(self.folder).as_posix() for name in names if not name.startswith(".")
            ]
        return sorted(found)

    def remove(self, path: str) -> None:
        """See :class:`Target`. Folders that this leaves empty go, too."""
        target = self.folder / path
        try:
            target.unlink(missing_ok=True)
        except OSError as cause:
            raise unavailable(target, cause) from cause
        for folder in target.parents:
            if folder == self.folder:
                return
            try:
                folder.rmdir()
            except OSError:
                return


def manifest(partition: Partition, parts: Sequence[Part]) -> bytes:
    """What a partition holds, as JSON: the same bytes for the same parts."""
    rows = [msgspec.to_builtins(part) for part in sorted(parts, key=lambda part: part.name)]
    told = {"day": partition.day, "parts": rows, "process": partition.process, "version": 1}
    return msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n"


class _Manifest(msgspec.Struct):
    process: str
    day: str
    parts: list[Part]


def read_manifest(data: bytes) -> tuple[Partition, list[Part]]:
    """A manifest's partition and parts. Raises StoreUnavailable for what is none."""
    try:
        found = msgspec.json.decode(data, type=_Manifest)
    except msgspec.MsgspecError as cause:
        raise StoreUnavailable(
            "a manifest of the archive can't be read", mend="`switchover archive verify` says which; restore the file"
        ) from cause
    return Partition(found.process, found.day), found.parts
