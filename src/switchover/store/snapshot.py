"""The file with the snapshot that workers go by: no database is opened for it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from switchover.domain.register import Snapshot
from switchover.errors import StoreUnavailable

from .files import unavailable, write_whole

_snapshot = msgspec.json.Decoder(Snapshot)


def write_snapshot(path: str | Path, snapshot: Snapshot) -> None:
    """Replaces the snapshot file, readable by its owner only; a reader sees the old one or the new one, whole."""
    write_whole(Path(path), msgspec.json.encode(snapshot))


def read_snapshot(path: str | Path) -> Snapshot:
    """The snapshot in the file. Raises StoreUnavailable when there is none or it can't be read."""
    try:
        return _snapshot.decode(Path(path).read_bytes())
    except OSError as cause:
        raise unavailable(Path(path), cause) from cause
    except msgspec.MsgspecError as cause:
        raise StoreUnavailable(
            f"{path} is not a snapshot we can read", mend="remove it: the keeper writes it anew"
        ) from cause
