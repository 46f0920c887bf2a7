"""Files that are whole or not there: written aside, synced, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from switchover.errors import StoreUnavailable


def claim(path: Path) -> None:
    """Makes an SQLite file ours alone before SQLite makes it. Raises OSError where it can't be made or written to.

    One that is there is not opened: to close it again would take from this process every lock that another connection
    of it holds on the file, and two writers at once destroy it (sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from None


def write_whole(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replaces ``path`` with ``data``; a reader sees the old bytes or the new. Raises StoreUnavailable."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
        sync_folder(path.parent)
    except OSError as cause:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise unavailable(path, cause) from cause


def sync_folder(folder: Path) -> None:
    """Makes new names in the folder survive a power loss."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unavailable(path: Path, cause: OSError) -> StoreUnavailable:
    """Our error for a file that can't be read or written."""
    return StoreUnavailable(
        f"{path}: {cause.strerror or cause}",
        mend="see that the data folder exists, is writable for this user and has room on its disk",
    )
