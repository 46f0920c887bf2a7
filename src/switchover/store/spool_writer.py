"""The spool's thread: everything that touches the disk."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from switchover.clock import Clock
from switchover.domain.exchange import Exchange, Intent

from . import spool_frames as frames
from .segment import Reserve, Segment
from .spool_frames import Began, Gap
from .spool_reader import cut_torn_tail, segments

GROUP_SECONDS = 0.005
GROUP_RECORDS = 64
RETRY_SECONDS = 0.2
IDLE_SECONDS = 1.0

Item = tuple[int, int, Intent | Exchange]


class Writer:
    """Takes numbered records from ``items`` (None ends it), appends and syncs them.

    ``lost()`` says how many records the other side had to drop; ``moved()`` is called when a mark moved or the disk
    failed. ``let_go`` counts the bytes that need no room in memory any more, ``unfit`` the records that could not be
    encoded.
    """

    def __init__(
        self, folder: Path, *, clock: Clock, segment_bytes: int, lost: Callable[[], int], moved: Callable[[], None]
    ) -> None:
        self.folder, self.clock, self.segment_bytes, self.lost, self.moved = folder, clock, segment_bytes, lost, moved
        self.items: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self.written = self.durable = self.let_go = self.unfit = 0
        self.healthy, self.trouble = True, ""
        self._segment: Segment | None = None
        self._number = self._noted = self._kept = 0
        self._reserve = Reserve(folder)
        # Kept until they are synced: after a failed sync nobody knows what the file holds.
        self._unsynced: list[tuple[int, int, bytes]] = []
        self._since = 0.0
        self._ending = self._idle = False

    def begin(self) -> None:
        """Recovers, then opens a segment whose first record says that a run began. Raises OSError."""
        now = self.clock.now()
        self._number = max(segments(self.folder), default=0)
        torn = cut_torn_tail(self.folder)
        left = self._reserve.read()
        first: list[Began | Gap] = [Began(at=now)]
        if torn:
            reason = f"torn tail: {torn} bytes set aside in {self._number:010d}.torn"
            first.append(Gap(at=now, records=0, reason=reason))
        if left is not None:
            first.append(left)
        segment = self._next_segment()
        segment.write(b"".join(frames.frame(frames.encode(record), segment.salt) for record in first))
        segment.sync()
        self._reserve.clear()
        self._segment = segment

    def run(self) -> None:
        """Works until it is told to end, and has synced what it was given or failed to."""
        while True:
            self._take_in(self._take())
            if not self.healthy:
                self._recover()
            elif self._due():
                self._sync()
            if self.healthy and self.lost() + self.unfit > self._noted:
                self._write_gap()
            if self._ending and (not self._unsynced or not self.healthy):
                break
        if not self.healthy:
            self._keep_gap(len(self._unsynced))
        if self._segment is not None:
            self._segment.close()

    def _take(self) -> list[Item]:
        """A batch: waits for its first record, not for more."""
        patience = RETRY_SECONDS if not self.healthy else GROUP_SECONDS if self._unsynced else IDLE_SECONDS
        batch: list[Item] = []
        while len(batch) < GROUP_RECORDS and not self._ending:
            try:
                item = self.items.get(timeout=patience) if not batch else self.items.get_nowait()
            except queue.Empty:
                break
            if item is None:
                self._ending = True
            else:
                batch.append(item)
        # Idle for the length of a group: whatever the clock says, the group is due.
        self._idle = not batch
        return batch

    def _take_in(self, batch: list[Item]) -> None:
        if not batch:
            return
        if not self._unsynced:
            self._since = self.clock.monotonic()
        payloads = []
        for number, size, record in batch:
            try:
                payload = frames.encode(record)
            except Exception:  # whatever a record holds, the thread must live on
                self.unfit += 1
                payload = b""
            self._unsynced.append((number, size, payload))
            payloads.append(payload)
        if self.healthy:
            try:
                self._append(payloads)
            except OSError as cause:
                self._fail(cause)
            else:
                self.written = batch[-1][0]
                self.moved()

    def _append(self, payloads: list[bytes]) -> None:
        if self._segment is None or self._segment.end >= self.segment_bytes:
            if self._segment is not None:
                self._segment.sync()
                self._segment.close()
            self._segment = None
            self._segment = self._next_segment()
        salt = self._segment.salt
        self._segment.write(b"".join(frames.frame(payload, salt) for payload in payloads if payload))

    def _next_segment(self) -> Segment:
        self._number += 1
        return Segment(self.folder, self._number)

    def _due(self) -> bool:
        if not self._unsynced:
            return False
        full = len(self._unsynced) >= GROUP_RECORDS
        return full or self._idle or self._ending or self.clock.monotonic() - self._since >= GROUP_SECONDS

    def _sync(self) -> None:
        if self._segment is None:
            return
        try:
            self._segment.sync()
        except OSError as cause:
            self._fail(cause)
        else:
            self._safe()

    def _safe(self) -> None:
        """What was not yet synced is."""
        if self._unsynced:
            self.written = self.durable = self._unsynced[-1][0]
            self.let_go += sum(size for _, size, _ in self._unsynced)
            self._unsynced.clear()
        self.moved()

    def _fail(self, cause: OSError) -> None:
        """That file is never written or synced again; the batch stays in memory until another file has it."""
        self.healthy, self.trouble = False, f"{cause.strerror or cause}"
        if self._segment is not None:
            self._segment.close()
        self._segment = None
        self._keep_gap()
        self.moved()

    def _recover(self) -> None:
        """Writes everything that is not synced to a new segment and syncs that; on failure it is tried again."""
        segment = None
        try:
            segment = self._next_segment()
            waiting = iter(self._unsynced)
            while group := list(islice(waiting, GROUP_RECORDS)):
                segment.write(b"".join(frames.frame(payload, segment.salt) for _, _, payload in group if payload))
            noted = self._gap_into(segment)
            segment.sync()
        except OSError as cause:
            self.trouble = f"{cause.strerror or cause}"
            if segment is not None:
                segment.drop()
            self._keep_gap()
            return
        self._segment, self._noted = segment, noted
        self.healthy, self.trouble = True, ""
        if self._kept:
            self._kept = 0
            with contextlib.suppress(OSError):
                self._reserve.clear()
        self._safe()

    def _write_gap(self) -> None:
        """Puts on record how many were lost while the disk was merely slow."""
        if self._segment is None:
            return
        try:
            self._noted = self._gap_into(self._segment)
            self._segment.sync()
        except OSError as cause:
            self._fail(cause)
        else:
            self._safe()

    def _gap_into(self, segment: Segment) -> int:
        """Appends a gap for what is lost and not yet on record; returns how many are on record then."""
        lost = self.lost() + self.unfit
        if lost > self._noted:
            segment.write(frames.frame(frames.encode(self._gap(lost - self._noted)), segment.salt))
        return lost

    def _keep_gap(self, unsynced: int = 0) -> None:
        """Writes the gap where there always is room, in case that we end before the disk takes it."""
        missing = self.lost() + self.unfit - self._noted + unsynced
        if missing > self._kept:
            with contextlib.suppress(OSError):
                self._reserve.keep(self._gap(missing))
                self._kept = missing

    def _gap(self, records: int) -> Gap:
        return Gap(at=self.clock.now(), records=records, reason=self.trouble or "more than memory may hold")
