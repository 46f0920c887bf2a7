"""Finished days → the archive, part by part; a run that is killed is gone on with, and nothing is archived twice.

A part is written aside and synced; the store notes which exchanges it holds; then it is placed, its partition's
manifest after it, the log notes the manifest, and the store that the part is placed. Wherever that ends, the next run
goes on from what the store notes: what was reserved is placed, from the same bytes, under the same name.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path

from switchover.clock import Clock
from switchover.domain.keeping import Archiving
from switchover.errors import StoreUnavailable
from switchover.evidence import events
from switchover.evidence.log import Event
from switchover.store import Store
from switchover.store.archive import partitions as rows_of_store
from switchover.store.archive.partitions import DAY_S, Partition
from switchover.store.archive.parts import Part, ids_of, part_of
from switchover.store.archive.target import MANIFEST, Target, manifest, read_manifest
from switchover.store.files import unavailable, write_whole

DRAFTS = "archive-drafts"


class Archiver:
    """Archives into ``target``; ``note`` takes events to the log, and raises where it can't.

    Nobody else may archive from the same store at the same time: hold the lease.
    """

    def __init__(
        self, data: Path, settings: Archiving, target: Target, clock: Clock, note: Callable[[Event], object]
    ) -> None:
        self.settings, self.target, self.clock, self.note = settings, target, clock, note
        self.drafts = data / DRAFTS

    def run(self, store: Store, go_on: Callable[[], bool] = lambda: True) -> list[tuple[Partition, Part]]:
        """Archives what is due, for as long as ``go_on``; returns the parts placed.

        Raises StoreUnavailable where the store, the archive or the log can't be used, OperatorError without pyarrow.
        """
        done = []
        known = rows_of_store.list_parts(store)
        if not known:
            check_alone(self.target)
        for number, partition, part in rows_of_store.unplaced(store):
            if self._resume(store, number, partition, part):
                done.append((partition, part))
        self._clear_drafts()
        for partition in rows_of_store.unarchived(store, self.before()):
            while go_on():
                made = self._part(store, partition)
                if made is None:
                    break
                done.append((partition, made))
        return done

    def before(self) -> float:
        """What began before this moment is due: whole days, and some time after for records that come late."""
        now = self.clock.now() - self.settings.after
        return now - now % DAY_S

    def _part(self, store: Store, partition: Partition) -> Part | None:
        rows = rows_of_store.rows_of(store, partition, bodies=self.settings.bodies)
        if not rows:
            return None
        part, data = part_of(rows)
        try:
            self.drafts.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as cause:
            raise unavailable(self.drafts, cause) from cause
        write_whole(self.drafts / part.name, data)
        number = rows_of_store.reserve(store, partition, part, rows, self.clock.now())
        self._place(store, number, partition, part, data)
        return part

    def _resume(self, store: Store, number: int, partition: Partition, part: Part) -> bool:
        """Places what was reserved; False where its draft is lost: its exchanges are then archived anew."""
        path = f"{partition.path}/{part.name}"
        for data in (self._draft(part), self.target.get(path)):
            if data is not None and part.is_of(data):
                self._place(store, number, partition, part, data)
                return True
        self.target.remove(path)
        rows_of_store.forget_part(store, number)
        return False

    def _clear_drafts(self) -> None:
        """Drafts that a run left before it reserved anything for them: what is in them is archived anew."""
        with contextlib.suppress(OSError):
            for draft in self.drafts.iterdir():
                draft.unlink()

    def _draft(self, part: Part) -> bytes | None:
        with contextlib.suppress(OSError):
            return self.drafts.joinpath(part.name).read_bytes()
        return None

    def _place(self, store: Store, number: int, partition: Partition, part: Part, data: bytes) -> None:
        self.target.put(f"{partition.path}/{part.name}", data)
        parts = rows_of_store.list_parts(store, partition)[partition]
        told = manifest(partition, parts)
        self.target.put(f"{partition.path}/{MANIFEST}", told)
        rows = sum(part.rows for part in parts)
        digest = hashlib.sha256(told).hexdigest()
        self.note(events.archived(partition.process, partition.day, len(parts), rows, digest))
        rows_of_store.placed(store, number)
        with contextlib.suppress(OSError):
            self.drafts.joinpath(part.name).unlink()

    def adopt(self, store: Store) -> int:
        """Takes what lies in the archive for archived, where the store knows nothing of it; returns how many files.

        A file that is not the one its manifest names is left out: `switchover archive verify` says so.
        """
        count = 0
        known = rows_of_store.list_parts(store)
        for path in self.target.paths():
            told = self.target.get(path) if path.endswith(f"/{MANIFEST}") else None
            if told is None:
                continue
            partition, parts = read_manifest(told)
            for part in parts:
                data = None if part in known.get(partition, ()) else self.target.get(f"{partition.path}/{part.name}")
                if data is not None and part.is_of(data):
                    rows_of_store.adopt_part(store, partition, part, ids_of(data), self.clock.now())
                    count += 1
        return count

    def remove(self, store: Store, partition: Partition) -> tuple[int, int]:
        """Takes a whole partition out of the archive; returns how many files and rows that were.

        The manifest goes last: until then the partition is one that lacks files, and is removed again.
        """
        parts = rows_of_store.list_parts(store, partition).get(partition, [])
        for name in (*(part.name for part in parts), MANIFEST):
            self.target.remove(f"{partition.path}/{name}")
        rows = sum(part.rows for part in parts)
        self.note(events.archive_removed(partition.process, partition.day, len(parts), rows))
        rows_of_store.forget_partition(store, partition)
        return len(parts), rows


def check_alone(target: Target) -> None:
    """Raises StoreUnavailable where a store that archived nothing finds an archive: all would be in it twice."""
    strange = [path for path in target.paths() if path.endswith(".parquet")]
    if strange:
        raise StoreUnavailable(
            f"the archive holds {len(strange)} files that this store knows nothing of, such as {strange[0]}",
            mend="name another place under archive.to; or, after a store was filled anew, `switchover archive adopt`",
        )
