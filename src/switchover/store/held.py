"""What workers hold, told through small files: a worker appends a line, the keeper reads the newest ones.

``run/<worker>.held`` has one JSON object a line: ``{"upstream": name, "held": true|false, "at": Unix seconds}``. The
last line about an upstream counts. A line with ``why`` says that the upstream's proofs are suspended, and nothing of a
breaker; the next one with ``held`` false takes back both. A worker empties its file when it starts; losing a line costs
a delay, no record.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from switchover.domain.register import Suspension


class Held(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One line."""

    upstream: str
    held: bool
    at: float
    why: str = ""


_line = msgspec.json.Decoder(Held)


def held_path(data_dir: str | Path, worker: str) -> Path:
    """The worker's file."""
    return Path(data_dir, "run", f"{worker}.held")


def forget_held(path: Path) -> None:
    """Empties the file, as a worker does when it starts; a missing folder is no matter."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def note_held(path: Path, upstream: str, held: bool, at: float) -> None:
    """Appends a line about a breaker. A full disk is no matter: plans go by the breaker itself."""
    _note(path, Held(upstream=upstream, held=held, at=at))


def note_suspended(path: Path, upstream: str, why: str, at: float) -> None:
    """Appends that the upstream's proofs are suspended. Of a full disk the next answer of that kind makes good."""
    _note(path, Held(upstream=upstream, held=True, at=at, why=why))


def _note(path: Path, row: Held) -> None:
    """One write, so that lines never mix."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, msgspec.json.encode(row) + b"\n")
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


def suspended_upstreams(data_dir: str | Path) -> dict[str, Suspension]:
    """Upstreams whose proofs some worker wants suspended and nobody restored since, with its earliest word."""
    found: dict[str, Suspension] = {}
    for path in _files(data_dir):
        told: dict[str, Suspension] = {}
        for row in _rows(path):
            if row.why:
                told.setdefault(row.upstream, Suspension(at=row.at, why=row.why))
            elif not row.held:
                told.pop(row.upstream, None)
        for name, one in told.items():
            found[name] = min(one, found.get(name, one), key=lambda suspension: suspension.at)
    return found


def _newest(data_dir: str | Path) -> Iterator[Held]:
    """Each worker's last word about each upstream's breaker."""
    for path in _files(data_dir):
        yield from {row.upstream: row for row in _rows(path) if not row.why}.values()


def _rows(path: Path) -> Iterator[Held]:
    with contextlib.suppress(OSError):
        for line in path.read_bytes().splitlines():
            with contextlib.suppress(msgspec.MsgspecError):
                yield _line.decode(line)


def _files(data_dir: str | Path) -> list[Path]:
    return sorted(Path(data_dir, "run").glob("*.held"))
