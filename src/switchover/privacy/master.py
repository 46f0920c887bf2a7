"""The master key: wraps the keys of the ring and lies outside of it, in a file of ours or where the operator says."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from switchover.errors import OperatorError, StoreUnavailable
from switchover.store.files import sync_folder, unavailable, write_whole

FILE, NEXT = "master", "master.next"
HEX = re.compile(r"[0-9a-fA-F]{64}")


def master_id(master: bytes) -> bytes:
    """Names a master key without telling it: SHA-256 of a label and the key, 16 bytes."""
    return hashlib.sha256(b"switchover master key\0" + master).digest()[:16]


class Master(Protocol):
    """Where the master key comes from."""

    def held(self) -> list[bytes]:
        """The keys that are there; more than one while it is being changed."""
        ...

    def first(self) -> bytes:
        """The key for a ring that has none yet."""
        ...


class OwnMaster:
    """A file beside the ring, 32 bytes, for its owner alone."""

    def __init__(self, folder: Path) -> None:
        self.path, self.next = Path(folder, FILE), Path(folder, NEXT)

    def held(self) -> list[bytes]:
        """The one in force, and the next while the ring is rotated."""
        return [key for path in (self.path, self.next) if (key := _read(path)) is not None]

    def first(self) -> bytes:
        """Makes the file. Two processes that do so at once agree: the loser reads the winner's."""
        draft = self.path.with_name(f"{FILE}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(draft, secrets.token_bytes(32))
            with contextlib.suppress(FileExistsError):
                os.link(draft, self.path)
            draft.unlink()
            sync_folder(self.path.parent)
        except OSError as cause:
            raise unavailable(self.path, cause) from cause
        return self.held()[0]

    def forget(self) -> None:
        """Overwrites and removes the file: the key lies elsewhere."""
        _overwrite(self.path)
        self.path.unlink(missing_ok=True)

    def propose(self) -> bytes:
        """A new key, kept beside the one in force until :meth:`settle`."""
        key = secrets.token_bytes(32)
        write_whole(self.next, key)
        return key

    def settle(self, known: bytes | None) -> None:
        """Makes the next key the one in force where its id is ``known``; else forgets it. Overwrites what it drops."""
        key = _read(self.next)
        if key is None:
            return
        if master_id(key) != known:
            _overwrite(self.next)
            self.next.unlink(missing_ok=True)
            return
        _overwrite(self.path)
        try:
            os.replace(self.next, self.path)
            sync_folder(self.path.parent)
        except OSError as cause:
            raise unavailable(self.path, cause) from cause


class GivenMaster:
    """A key that lies elsewhere: ``read`` fetches its 64 hex digits each time, so that a file may change."""

    def __init__(self, read: Callable[[], str], reference: str) -> None:
        self._read, self.reference = read, reference

    def held(self) -> list[bytes]:
        """The key behind the reference. Raises OperatorError when it is none."""
        text = self._read().strip()
        if not HEX.fullmatch(text):
            raise OperatorError(
                f"what {self.reference} holds is no master key", mend="make one of 64 hex digits: openssl rand -hex 32"
            )
        return [bytes.fromhex(text)]

    def first(self) -> bytes:
        """The same: it is not ours to make."""
        return self.held()[0]


def _read(path: Path) -> bytes | None:
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as cause:
        raise unavailable(path, cause) from cause
    if len(key) != 32:
        raise StoreUnavailable(
            f"{path} is damaged: {len(key)} bytes instead of 32",
            mend="restore it from where you keep it; without it nothing sealed can be read",
        )
    return key


def _write(path: Path, key: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())


def _overwrite(path: Path) -> None:
    """Zeros over the bytes where they lie; a file system that writes elsewhere keeps them, see the documentation."""
    with contextlib.suppress(OSError), path.open("r+b") as file:
        file.write(bytes(32))
        file.flush()
        os.fsync(file.fileno())
