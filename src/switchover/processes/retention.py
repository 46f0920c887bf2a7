"""A pass of retention: bodies, exchanges, partitions of the archive, segments of the spool; never ahead of its time.

A day goes whole, once its last moment is old enough, and where there is an archive only what lies in it. A segment goes
once it lies wholly before its worker's mark: then all in it is in the store. What is deleted is counted in the same
transaction, and noted in the evidence log at the end of the pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from switchover.clock import Clock
from switchover.domain.keeping import Retention
from switchover.domain.process import Settings
from switchover.evidence import events
from switchover.evidence.log import Event
from switchover.store import Store
from switchover.store import retention as rows_of_store
from switchover.store.archive.partitions import DAY_S, Partition, list_parts
from switchover.store.files import sync_folder, unavailable
from switchover.store.indexing import spool_mark
from switchover.store.machine import machine_of, spool_of
from switchover.store.retention import ARCHIVE, BEGINNING, BODIES, EXCHANGES, SPOOL, Place
from switchover.store.spool_reader import segment_path, segments

from .archiving import Archiver
from .indexing import workers

# A clock that is so much ahead of the last pass is doubted, and for how long nothing is deleted then.
LEAP_S = 2 * DAY_S
DOUBT_S = DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What would go: so many of a kind that began before ``before``. A segment has no process, but a worker."""

    what: str
    process: str
    before: float
    count: int


class Retaining:
    """Deletes what has had its time, step by step.

    ``archiver`` is that of the archive, None where there is none. ``note`` takes events to the log, and raises where
    it can't.
    """

    def __init__(
        self, data: Path, settings: Settings, archiver: Archiver | None, clock: Clock, note: Callable[[Event], object]
    ) -> None:
        self.data, self.settings, self.archiver, self.clock, self.note = data, settings, archiver, clock, note

    def terms(self, process: str) -> Retention:
        """How long things of a process are kept; one that is not configured any more has the terms of all."""
        known = self.settings.processes.get(process)
        return known.retention if known else self.settings.retention

    def steps(self, store: Store) -> Iterator[None]:
        """One pass; each step is one small transaction, one partition or one segment.

        Raises StoreUnavailable where store, archive, spool or log can't be used: the next pass goes on from there.
        """
        now = self.clock.now()
        rows_of_store.set_last_run(store, now)
        archived = self.archiver is not None
        for process in rows_of_store.processes(store):
            terms = self.terms(process)
            for delete, kept in (
                (rows_of_store.strip_bodies, terms.bodies),
                (rows_of_store.delete_exchanges, terms.exchanges),
            ):
                before = None if terms.hold else horizon(now, kept)
                place: Place | None = BEGINNING if before is not None else None
                while before is not None and place is not None:
                    place = delete(store, process, before, place, now, archived=archived)
                    yield
        for partition in self._partitions(store, now):
            if self.archiver is not None:
                self.archiver.remove(store, partition)
                yield
        for worker, number in self._segments(store, now):
            self._remove_segment(store, worker, number, now)
            yield
        for one in rows_of_store.unnoted_deletions(store):
            self.note(events.deleted(one.what, one.process, one.before, one.count))
            rows_of_store.deletion_noted(store, one)
            yield
        while rows_of_store.give_space_back(store):
            yield

    def due(self, store: Store) -> list[Due]:
        """What a pass would delete now, and nothing else."""
        now, found = self.clock.now(), list[Due]()
        archived = self.archiver is not None
        for process in rows_of_store.processes(store):
            terms = self.terms(process)
            for what, kept in ((BODIES, terms.bodies), (EXCHANGES, terms.exchanges)):
                before = None if terms.hold else horizon(now, kept)
                if before is not None:
                    count = rows_of_store.count_due(store, what, process, before, archived=archived)
                    found.append(Due(what=what, process=process, before=before, count=count))
        days: dict[str, int] = {}
        for partition in self._partitions(store, now):
            days[partition.process] = days.get(partition.process, 0) + 1
        for process, count in days.items():
            before = horizon(now, self.terms(process).archive) or 0.0
            found.append(Due(what=ARCHIVE, process=process, before=before, count=count))
        counts: dict[str, int] = {}
        for worker, _ in self._segments(store, now):
            counts[worker] = counts.get(worker, 0) + 1
        spooled = spool_kept(self.settings)
        found += [
            Due(what=SPOOL, process=worker, before=now - (spooled or 0.0), count=count)
            for worker, count in counts.items()
        ]
        return [one for one in found if one.count]

    def _partitions(self, store: Store, now: float) -> list[Partition]:
        """Partitions of which every moment is old enough."""
        found = []
        for partition in list_parts(store) if self.archiver is not None else ():
            terms = self.terms(partition.process)
            before = None if terms.hold else horizon(now, terms.archive)
            if before is not None and partition.begins + DAY_S <= before:
                found.append(partition)
        return found

    def _segments(self, store: Store, now: float) -> list[tuple[str, int]]:
        kept = spool_kept(self.settings)
        if kept is None:
            return []
        before = now - kept
        if self.archiver is not None:
            # What the archive does not hold yet can be read from the spool, should the store be lost.
            before = min(before, rows_of_store.oldest_unarchived(store) or before)
        found = []
        machine = machine_of(self.data)
        for worker in workers(self.data / "spool"):
            mark = spool_mark(store, spool_of(machine, worker)).segment
            folder = self.data / "spool" / worker
            for number in segments(folder):
                try:
                    written = segment_path(folder, number).stat().st_mtime
                except OSError:
                    continue
                if number < mark and written < before:
                    found.append((worker, number))
        return found

    def _remove_segment(self, store: Store, worker: str, number: int, now: float) -> None:
        path = segment_path(self.data / "spool" / worker, number)
        try:
            path.unlink(missing_ok=True)
            path.with_suffix(".torn").unlink(missing_ok=True)
            sync_folder(path.parent)
        except OSError as cause:
            raise unavailable(path, cause) from cause
        before = horizon(now, spool_kept(self.settings)) or 0.0
        rows_of_store.note_deletion(store, SPOOL, "", before, 1, now)


def spool_kept(settings: Settings) -> float | None:
    """How long segments are kept: bodies lie in them, too, so never longer than any term for bodies or exchanges."""
    every = (settings.retention, *(process.retention for process in settings.processes.values()))
    terms = [settings.retention.spool, *(kept for one in every for kept in (one.bodies, one.exchanges))]
    return min((kept for kept in terms if kept is not None), default=None)


def horizon(now: float, kept: float | None) -> float | None:
    """Before which moment everything goes: the beginning of a day (UTC); None: nothing goes."""
    if kept is None:
        return None
    at = now - kept
    return at - at % DAY_S


class Leap:
    """Whether the clock can be believed: one that is two days ahead of the last pass is doubted for a day.

    A machine that was off for so long waits a day, too; a clock that was put wrong has been put right by then.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._since: float | None = None

    def doubt(self, store: Store) -> str:
        """Why nothing may be deleted now, or nothing."""
        last = rows_of_store.last_run(store)
        ahead = 0.0 if last is None else self.clock.now() - last
        if ahead <= LEAP_S:
            self._since = None
            return ""
        elapsed = self.clock.monotonic()
        self._since = elapsed if self._since is None else self._since
        if elapsed - self._since >= DOUBT_S:
            return ""
        return (
            f"the clock is {ahead / DAY_S:.0f} days ahead of the last pass: nothing is deleted until it has run on for "
            "a day; if the clock is right, `switchover retention` deletes now"
        )
