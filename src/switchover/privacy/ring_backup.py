"""The key ring, kept apart from store and spool, and put back without what was erased since.

A backup is a folder: ``ring`` (msgpack), where each key is wrapped under the master key of that day, and ``master``
where that is a file of ours. Who has both can open every record; who has the store alone can open none.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from switchover.errors import NotFound, OperatorError
from switchover.store.files import unavailable, write_whole
from switchover.store.ring import Reach, Row

from .keyring import MASTER, NONCE, SUBJECTS, KeyRing, about_row
from .master import FILE, OwnMaster, master_id

RING = "ring"
FORMAT = 1


class _Kept(msgspec.Struct, kw_only=True):
    """What the file says."""

    format: int
    made_at: float
    master: bytes
    subjects: bytes
    keys: list[Row]
    erased: list[tuple[str, str, str, float]]


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What a restoration did: keys put back, and those left out since they were erased."""

    added: int
    erased: int


# An erasure as the evidence log has it: what it reached, and when (Unix seconds).
Erasure = tuple[Reach, float]


def back_up(ring: KeyRing, folder: Path) -> int:
    """Writes the ring into a folder, in place of an earlier backup there; returns how many keys it has."""
    ring.look()
    file = ring.file
    kept = _Kept(
        format=FORMAT,
        made_at=ring.clock.now(),
        master=file.about(MASTER) or b"",
        subjects=file.about(SUBJECTS) or b"",
        keys=file.rows(),
        erased=file.tombstones(),
    )
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as cause:
        raise unavailable(folder, cause) from cause
    if isinstance(ring.master, OwnMaster):
        master = next(key for key in ring.master.held() if master_id(key) == kept.master)
        write_whole(folder / FILE, master)
    write_whole(folder / RING, msgspec.msgpack.encode(kept))
    return len(kept.keys)


def restore(ring: KeyRing, folder: Path, erasures: Sequence[Erasure] = ()) -> Restored:
    """Puts the keys of a backup back that the ring lacks; never one that was erased, here or by ``erasures``.

    Raises NotFound where there is no backup, OperatorError where its master key is missing.
    """
    kept = _read(folder)
    master = _master(ring, folder, kept.master)
    rows = kept.keys
    try:
        subjects = AESGCM(master).decrypt(kept.subjects[:NONCE], kept.subjects[NONCE:], SUBJECTS.encode())
        keys = [AESGCM(master).decrypt(row.wrapped[:NONCE], row.wrapped[NONCE:], about_row(row)) for row in rows]
    except InvalidTag as cause:
        raise OperatorError(f"{folder / RING} was changed", mend="take another backup of the key ring") from cause
    live = [pair for pair in zip(rows, keys, strict=True) if not _was_erased(pair[0], erasures)]
    ring.look()
    with ring.file.write():
        ring.name_subjects(subjects)
        ring.file.bury(kept.erased)
        before = {row.id for row in ring.file.rows()} | {name for name, *_ in ring.file.tombstones()}
        added = ring.take_over(live)
    ring.look()
    buried = {name for name, *_ in ring.file.tombstones()}
    gone = len(rows) - len(live) + sum(row.id in before and row.id in buried for row, _ in live)
    return Restored(added=added, erased=gone)


def _was_erased(row: Row, erasures: Sequence[Erasure]) -> bool:
    for reach, at in erasures:
        same = reach.process in (None, row.process) and reach.subject in (None, row.subject)
        if same and (reach.first or "") <= row.month <= (reach.last or "9999") and row.made_at <= at:
            return True
    return False


def _read(folder: Path) -> _Kept:
    try:
        kept = msgspec.msgpack.decode(Path(folder, RING).read_bytes(), type=_Kept)
    except FileNotFoundError as cause:
        raise NotFound(
            f"there is no backup of a key ring in {folder}", mend="name the folder it was written to"
        ) from cause
    except OSError as cause:
        raise unavailable(folder, cause) from cause
    except msgspec.MsgspecError as cause:
        raise OperatorError(f"{folder / RING} is no backup of a key ring", mend="take another one") from cause
    if kept.format != FORMAT:
        raise OperatorError(f"{folder / RING} was written by a newer Switchover", mend="install that version")
    return kept


def _master(ring: KeyRing, folder: Path, known: bytes) -> bytes:
    beside = [folder.joinpath(FILE).read_bytes()] if os.path.exists(folder / FILE) else []
    for key in (*beside, *ring.master.held()):
        if master_id(key) == known:
            return key
    raise OperatorError(
        f"the master key that {folder / RING} is wrapped under is not here",
        mend=f"put it beside the backup as {folder / FILE}, or name it as keyring.master",
    )
