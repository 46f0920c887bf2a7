"""Which machine this is, to a store that several share: a name made once for each data folder."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from switchover.errors import StoreUnavailable

from .files import unavailable, write_whole

NAME = re.compile(r"[0-9a-f]{12}")


def machine_of(data_dir: str | Path) -> str:
    """The name (12 hex digits) in the data folder's ``machine``; made when there is none. Raises StoreUnavailable."""
    path = Path(data_dir, "machine")
    try:
        found = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        found = secrets.token_hex(6)
        write_whole(path, f"{found}\n".encode())
    except OSError as cause:
        raise unavailable(path, cause) from cause
    if NAME.fullmatch(found) is None:
        raise StoreUnavailable(
            f"{path} does not hold the name of a machine",
            mend="put it back, or remove it: this machine's spool is then read from its beginning",
        )
    return found


def spool_of(machine: str, worker: str) -> str:
    """What a worker's spool is called in the store: two machines have a ``worker-0`` each."""
    return f"{machine}/{worker}" if machine else worker
