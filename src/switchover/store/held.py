"""What workers' breakers hold, told through small files: a worker appends a line, the keeper reads the newest ones.

``run/<worker>.held`` has one JSON object a line: ``{"upstream": name, "held": true|false, "at": Unix seconds}``. The
last line about an upstream counts. A worker empties its file when it starts; losing a line costs a delay, no record.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec


class Held(msgspec.Struct, forbid_unknown_fields=True):
    """One line."""

    upstream: str
    held: bool
    at: float


_line = msgspec.json.Decoder(Held)


def held_path(data_dir: str | Path, worker: str) -> Path:
    """The worker's file."""
    return Path(data_dir, "run", f"{worker}.held")


def forget_held(path: Path) -> None:
    """Empties the file, as a worker does when it starts; a missing folder is no matter."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def note_held(path: Path, upstream: str, held: bool, at: float) -> None:
    """Appends a line; one write, so that lines never mix. A full disk is no matter: plans go by the breaker itself."""
    line = msgspec.json.encode(Held(upstream=upstream, held=held, at=at)) + b"\n"
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)


def forget_all_held(data_dir: str | Path) -> None:
    """Removes every worker's file, as a start does: a worker that is no longer configured would hold for ever."""
    for path in _files(data_dir):
        forget_held(path)


def clear_held(data_dir: str | Path, upstream: str, at: float) -> None:
    """Notes in every worker's file that the upstream was restored, by an operator or by a changed setting."""
    for path in _files(data_dir):
        note_held(path, upstream, False, at)


def held_upstreams(data_dir: str | Path) -> dict[str, float]:
    """Upstreams that some worker holds, with the moment of the earliest hold."""
    found: dict[str, float] = {}
    for row in _newest(data_dir):
        if row.held:
            found[row.upstream] = min(row.at, found.get(row.upstream, row.at))
    return found


def restored_upstreams(data_dir: str | Path) -> dict[str, float]:
    """Upstreams that were restored and not held again since, with the moment of the latest restoration."""
    found: dict[str, float] = {}
    for row in _newest(data_dir):
        if not row.held:
            found[row.upstream] = max(row.at, found.get(row.upstream, row.at))
    return found


def _newest(data_dir: str | Path) -> Iterator[Held]:
    """Each worker's last word about each upstream."""
    for path in _files(data_dir):
        newest: dict[str, Held] = {}
        with contextlib.suppress(OSError):
            for line in path.read_bytes().splitlines():
                with contextlib.suppress(msgspec.MsgspecError):
                    row = _line.decode(line)
                    newest[row.upstream] = row
        yield from newest.values()


def _files(data_dir: str | Path) -> list[Path]:
    return sorted(Path(data_dir, "run").glob("*.held"))
