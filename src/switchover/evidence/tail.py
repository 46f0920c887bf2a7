"""The newest entries, up to 256: one file, appended to and synced, before they become a bundle."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from switchover.errors import StoreUnavailable
from switchover.store.files import sync_folder, write_whole

from . import canonical
from .merkle import TILE
from .tiles import framed, make_folder, unframed, write_all


class Tail:
    """The entries after bundle ``bundles − 1``, in ``tail/<bundles>``. What is whole there is durable, or never was."""

    def __init__(self, folder: Path, bundles: int) -> None:
        self.path = folder / "tail" / str(bundles)
        self.begins = bundles * TILE
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            data = b""
        self.entries, whole = self._whole(data)
        self.torn = data[whole:]

    def _whole(self, data: bytes) -> tuple[list[bytes], int]:
        """The entries that are what was appended: canonical, each with its own number."""
        entries, used = unframed(data)
        for number, entry in enumerate(entries):
            try:
                fits = canonical.decode(entry).get("n") == self.begins + number
            except ValueError:
                fits = False
            if not fits:
                return entries[:number], len(framed(entries[:number]))
        return entries, used

    def set_aside(self) -> dict[str, object]:
        """Cuts what a crash left half written, keeps it in ``torn/``, and returns what the log shall say of it."""
        name = f"torn/{self.begins + len(self.entries)}"
        aside = self.path.parent.parent / name
        make_folder(aside.parent)
        write_whole(aside, self.torn)
        write_whole(self.path, framed(self.entries))
        said = {"event": "log recovered", "torn_bytes": len(self.torn), "sha256": sha256(self.torn).hexdigest()}
        self.torn = b""
        return said | {"file": name}

    def append(self, entries: Sequence[bytes]) -> None:
        """Appends, durably. Raises StoreUnavailable; then nothing was appended."""
        before = framed(self.entries)
        try:
            make_folder(self.path.parent)
            new = not self.path.exists()
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                write_all(handle, framed(entries))
                os.fsync(handle)
            finally:
                os.close(handle)
            if new:
                sync_folder(self.path.parent)
        except OSError as cause:
            self._put_back(before)
            raise StoreUnavailable(
                f"{self.path}: {cause.strerror or cause}; the evidence log did not take {len(entries)} "
                f"entr{'y' if len(entries) == 1 else 'ies'}, and is as it was",
                mend="make room on the disk that holds the data folder; the keeper notes what is in the store later",
            ) from cause
        self.entries += entries

    def _put_back(self, before: bytes) -> None:
        """As it was. After a failed sync nobody knows what the file holds: if there is room, it is written anew."""
        with contextlib.suppress(OSError):
            os.truncate(self.path, len(before))
        with contextlib.suppress(StoreUnavailable):
            write_whole(self.path, before)

    def forget(self) -> None:
        """Removes the file: its entries are a bundle."""
        self.path.unlink(missing_ok=True)
