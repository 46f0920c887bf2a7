"""Demonstrations and students: files named by the SHA-256 of their content."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from switchover.errors import NotFound, StoreUnavailable

from .files import unavailable, write_whole

NAME = re.compile(r"[0-9a-f]{64}")


def put(data_dir: str | Path, data: bytes) -> str:
    """Keeps ``data`` and returns its name (64 hex digits)."""
    name = hashlib.sha256(data).hexdigest()
    folder = Path(data_dir, "artefacts")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        same = (folder / name).exists() and (folder / name).read_bytes() == data
    except OSError as cause:
        raise unavailable(folder, cause) from cause
    if not same:
        write_whole(folder / name, data)
    return name


def get(data_dir: str | Path, name: str) -> bytes:
    """The bytes of that name. Raises NotFound, or StoreUnavailable when they are no longer what they were."""
    if not NAME.fullmatch(name):
        raise NotFound("an artefact's name is 64 hex digits", mend="take the name that the prompt version gives")
    path = Path(data_dir, "artefacts", name)
    try:
        data = path.read_bytes()
    except FileNotFoundError as cause:
        raise NotFound(f"there is no artefact {name[:12]}…", mend="adapt again, or restore artefacts/") from cause
    except OSError as cause:
        raise unavailable(path, cause) from cause
    if hashlib.sha256(data).hexdigest() != name:
        raise StoreUnavailable(f"artefact {name[:12]}… is damaged", mend="restore artefacts/ from a backup, or adapt")
    return data
