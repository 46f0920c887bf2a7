"""Records that wait for another: a batch's request for its answer, a span for its messages.

They wait in a file without a name, that nobody else can open and that is gone with the process; memory holds where.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

# Each costs some 150 bytes of memory.
MOST = 1_000_000


class Halves:
    """What waits, by key, in order of arrival. ``folder``: on whose disk; None: the system's own for such files."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # open for as long as this is
        self._end = 0
        self._where: dict[bytes, list[tuple[int, int]]] = {}
        self._count = 0

    def close(self) -> None:
        """Gives the file up."""
        self._file.close()

    @property
    def is_full(self) -> bool:
        """True when no more may wait."""
        return self._count >= MOST

    def keep(self, key: str, value: Any) -> None:
        """Lets a value wait; it is made of what JSON has."""
        data = msgspec.msgpack.encode(value)
        self._file.seek(self._end)
        self._file.write(data)
        self._where.setdefault(_digest(key), []).append((self._end, len(data)))
        self._end += len(data)
        self._count += 1

    def look(self, key: str) -> list[Any]:
        """What waits under a key."""
        return [self._read(*where) for where in self._where.get(_digest(key), ())]

    def take(self, key: str) -> list[Any]:
        """What waited under a key, which waits no more."""
        return self._taken(self._where.pop(_digest(key), []))

    def take_all(self) -> Iterator[list[Any]]:
        """Everything that waits, key by key."""
        while self._where:
            yield self._taken(self._where.pop(next(iter(self._where))))

    def _taken(self, where: list[tuple[int, int]]) -> list[Any]:
        self._count -= len(where)
        return [self._read(*place) for place in where]

    def _read(self, begin: int, length: int) -> Any:
        self._file.seek(begin)
        return msgspec.msgpack.decode(self._file.read(length))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:16]
