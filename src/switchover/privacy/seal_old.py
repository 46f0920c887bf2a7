"""What was recorded before there were keys, sealed where it lies: the store's bodies, then segments of the spool."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from switchover.store import Store
from switchover.store.erasing import shed
from switchover.store.in_clear import clear_bodies, clear_segments, drop_pieces, seal_bodies, seal_segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """Bodies and segments in clear. ``waiting``: segments that are not wholly in the store yet, left as they are."""

    bodies: int
    segments: int
    waiting: int


def find_old(store: Store, data_dir: Path) -> Old:
    """What lies in clear."""
    found = [indexed for _, _, indexed in clear_segments(store, data_dir / "spool")]
    return Old(bodies=clear_bodies(store), segments=sum(found), waiting=len(found) - sum(found))


def seal_old(store: Store, data_dir: Path) -> Old:
    """Seals it. Begun again after an interruption it goes on."""
    bodies, sealed, waiting = seal_bodies(store), 0, 0
    found = list(clear_segments(store, data_dir / "spool"))
    for folder, number, indexed in found:
        if indexed:
            seal_segment(store, folder, number)
            sealed += 1
        else:
            waiting += 1
    for folder in {folder for folder, _, _ in found}:
        drop_pieces(folder)
    if bodies:
        shed(store)
    return Old(bodies=bodies, segments=sealed, waiting=waiting)
