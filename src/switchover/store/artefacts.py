"""Demonstrations and students: files named by the SHA-256 of their content.

Demonstrations show recorded words and are sealed, each under a key of its own: the file begins with a line that says
so, and one with the key's id. A student's weights hold no words.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from switchover.errors import NotFound, StoreUnavailable

from .files import unavailable, write_whole

NAME = re.compile(r"[0-9a-f]{64}")


MARK = b"SWSEALED\n"
# Name and content → the key's id and what it sealed; key's id, name and what was sealed → content, None when erased.
Seal = Callable[[str, bytes], tuple[str, bytes]]
Open = Callable[[str, str, bytes], bytes | None]


def put(data_dir: str | Path, data: bytes, seal: Seal | None = None) -> str:
    """Keeps ``data``, sealed where it is said how, and returns its name (64 hex digits)."""
    name = hashlib.sha256(data).hexdigest()
    folder = Path(data_dir, "artefacts")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        same = seal is None and (folder / name).exists() and (folder / name).read_bytes() == data
    except OSError as cause:
        raise unavailable(folder, cause) from cause
    if seal is not None:
        key, content = seal(name, data)
        data = MARK + key.encode() + b"\n" + content
    if not same:
        write_whole(folder / name, data)
    return name


def drop(data_dir: str | Path, name: str) -> None:
    """Removes an artefact; one that is not there is no matter."""
    if NAME.fullmatch(name):
        Path(data_dir, "artefacts", name).unlink(missing_ok=True)


def get(data_dir: str | Path, name: str, opened: Open | None = None) -> bytes:
    """The bytes of that name. Raises NotFound, or StoreUnavailable when they are no longer what they were.

    Also NotFound for one that was erased, or that is sealed where nobody was named who opens it.
    """
    if not NAME.fullmatch(name):
        raise NotFound("an artefact's name is 64 hex digits", mend="take the name that the prompt version gives")
    path = Path(data_dir, "artefacts", name)
    try:
        data = path.read_bytes()
    except FileNotFoundError as cause:
        raise NotFound(f"there is no artefact {name[:12]}…", mend="adapt again, or restore artefacts/") from cause
    except OSError as cause:
        raise unavailable(path, cause) from cause
    if data.startswith(MARK):
        key, _, content = data[len(MARK) :].partition(b"\n")
        plain = opened(key.decode("latin-1"), name, content) if opened is not None else None
        if plain is None:
            raise NotFound(f"artefact {name[:12]}… can't be opened: its key was erased", mend="adapt again")
        data = plain
    if hashlib.sha256(data).hexdigest() != name:
        raise StoreUnavailable(f"artefact {name[:12]}… is damaged", mend="restore artefacts/ from a backup, or adapt")
    return data
