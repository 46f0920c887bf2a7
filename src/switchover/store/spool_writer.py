"""Everything of the spool that touches the disk: short writes from either thread, syncs and repairs from one."""

from __future__ import annotations

import contextlib
import errno
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from switchover.clock import Clock
from switchover.domain.exchange import Exchange, Intent
from switchover.errors import SwitchoverError

from . import spool_frames as frames
from .segment import Segment
from .spool_losses import Losses
from .spool_start import Start

log = logging.getLogger(__name__)

GROUP_SECONDS = 0.005
GROUP_RECORDS = 64
RETRY_SECONDS = 0.2
IDLE_SECONDS = 1.0
# A write goes to the page cache and takes microseconds. A disk in trouble shows in the syncs first, and in slow writes:
# then the event loop keeps off it, and the thread alone waits. So long that slow writes take a twentieth of its time at
# most; a write that was slow because the processor was taken away costs little.
SYNC_PATIENCE = 0.1
SLOW_WRITE = 0.005
KEEP_OFF_TIMES = 20.0
# What a disk gets over: a spool that can't begin for one of these begins later, and what comes until then waits.
PASSING = frozenset([errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
# More than this is not encoded on the event loop.
AT_ONCE_BYTES = 262_144

Item = tuple[int, int, Intent | Exchange]
# Exchanges with their words sealed, in order; None for one that is unfit. Raises: nothing was sealed.
Seal = Callable[[Sequence[Exchange]], Sequence[Exchange | None]]


class Writer:
    """Takes numbered records, appends them and syncs them.

    :meth:`put` and :meth:`write` belong to the event loop, :meth:`run` to the spool's thread; whoever holds ``_turn``
    may write, and nobody syncs while holding it. ``lost()`` says how many records the other side had to drop;
    ``moved()`` is called when a mark moved or the disk failed. ``let_go`` counts the bytes that need no room in memory
    any more, ``unfit`` the records that could not be encoded. ``healthy`` is False from a failure until what it
    concerned is safe elsewhere, ``failing`` True from a repair that failed, too, until one that did not. ``seal`` is
    applied to exchanges on the thread, so that intents overtake them; what can't be sealed waits, and is never written
    as it is.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        segment_bytes: int,
        lost: Callable[[], int],
        moved: Callable[[], None],
        seal: Seal | None = None,
    ) -> None:
        self.folder, self.clock, self.segment_bytes, self.lost, self.moved = folder, clock, segment_bytes, lost, moved
        self.seal, self.unsealable = seal, ""
        self.written = self.durable = self.let_go = self.unfit = 0
        self.healthy, self.failing, self.trouble = True, False, ""
        self._items: deque[Item] = deque()
        # Exchanges that are still to be sealed, oldest first.
        self._open: deque[tuple[int, int, Exchange]] = deque()
        # The newest record that is safe, whatever it overtook; and how many that were taken in no file has had yet.
        self._last_safe = self._unwritten = 0
        self._turn = threading.Lock()
        self._bell = threading.Event()
        self._resting = self._ending = False
        self._segment: Segment | None = None
        self._begun, self._number = False, 0
        self._start: Start | None = None
        self._losses = Losses(folder)
        # Kept until they are synced: after a failed sync nobody knows what the file holds. A gap among them has neither
        # size nor number.
        self._unsynced: deque[tuple[int, int, bytes, float]] = deque()
        self._syncing_since = self._keep_off_until = 0.0
        # How often the event loop wrote, and how often when the thread last looked.
        self._writes = self._writes_seen = 0

    def begin(self) -> None:
        """Recovers and opens a segment; a disk that fails is tried again later. Raises OSError for what stays so."""
        try:
            self._segment = self._first_segment()
        except OSError as cause:
            if cause.errno not in PASSING:
                raise
            self._fail(cause)
            self.failing = True

    def _first_segment(self) -> Segment:
        """A segment whose first records say that a run began, and what an earlier one left."""
        if self._start is None:
            self._start = Start(self.folder, self._losses.reserve, self.clock.now())
            self._number = self._start.number
        segment = self._next_segment()
        try:
            segment.write(frames.framed([frames.encode(record) for record in self._start.first], segment.salt))
            segment.sync()
        except OSError:
            segment.drop()
            raise
        # What is noted and not put away is known again at the next start.
        with contextlib.suppress(OSError):
            self._start.noted()
        self._start, self._begun = None, True
        return segment

    # -- on the event loop

    def put(self, item: Item) -> None:
        """Leaves a record for whoever writes next: :meth:`write`, or within two groups the thread."""
        number, size, record = item
        if self.seal is not None and isinstance(record, Exchange):
            self._open.append((number, size, record))
        else:
            self._items.append(item)
        if self._resting:
            self._bell.set()

    def write(self, item: Item) -> None:
        """Writes a record at once with what was left before it, unless the disk or the other thread is busy.

        An exchange that is to be sealed is the thread's, which is told not to wait for others.
        """
        if self.seal is not None and isinstance(item[2], Exchange):
            self.put(item)
            self._bell.set()
            return
        self._items.append(item)
        begun = self.clock.monotonic()
        if self._calm(begun) and self._turn.acquire(blocking=False):
            try:
                # They leave the queue last, so that the thread never finds them nowhere and the mark passes none.
                batch = list(self._items)
                self._take_in(batch, begun)
                for _ in batch:
                    self._items.popleft()
                self._writes += 1
            finally:
                self._turn.release()
            took = self.clock.monotonic() - begun
            if took > SLOW_WRITE:
                self._keep_off_until = begun + KEEP_OFF_TIMES * took
        if self._resting:
            self._bell.set()

    @property
    def unsynced_for(self) -> float:
        """For how many seconds the oldest record that was taken in has waited to be synced; 0 without any."""
        try:
            oldest = self._unsynced[0][3]
        except IndexError:  # the thread may have let it go since anybody looked
            return 0.0
        return self.clock.monotonic() - oldest

    def end(self) -> None:
        """Lets the thread sync what it has, and end."""
        self._ending = True
        self._bell.set()

    def _calm(self, now: float) -> bool:
        segment = self._segment
        return (
            self.healthy
            and segment is not None
            and segment.end < self.segment_bytes
            and now >= self._keep_off_until
            and (not self._syncing_since or now - self._syncing_since < SYNC_PATIENCE)
            and (len(self._items) == 1 or sum([size for _, size, _ in self._items.copy()]) <= AT_ONCE_BYTES)
        )

    # -- on the thread

    def run(self) -> None:
        """Works until it is told to end, and has synced what it was given or failed to."""
        while True:
            self._rest()
            ending = self._ending
            try:
                self._work(ending)
            except Exception as cause:  # whatever it is, what comes after it is to be recorded
                log.exception("the spool's thread tripped, and goes on with another file")
                self.healthy, self.failing, self.trouble = False, True, type(cause).__name__
                self.moved()
                if ending:
                    break
            if ending and not self._items and not self._open and (not self._unsynced or not self.healthy):
                break
        if self._segment is not None:
            self._segment.close()

    def _work(self, ending: bool) -> None:
        self._seal_all()
        if ending or not self._is_served():
            self._take_all()
        if not self.healthy:
            with self._turn:
                self._recover()
        elif self._unsynced:
            self._sync()
        if self.healthy:
            self._write_gap()

    def _rest(self) -> None:
        """Waits for the first record of a group, then for the rest of it."""
        if self._ending:
            return
        self._resting = True
        # Asked after the mark is set: a record that comes now rings.
        if self.healthy and not self._items and not self._unsynced and (not self._open or self.unsealable):
            self._bell.wait(RETRY_SECONDS if self._open else IDLE_SECONDS)
        self._resting = False
        self._bell.clear()
        if self.failing:
            self._pause(RETRY_SECONDS)
        elif len(self._items) + len(self._open) < GROUP_RECORDS:
            self._pause(GROUP_SECONDS)

    def _pause(self, seconds: float) -> None:
        if not self._ending:
            self._bell.wait(seconds)

    def _seal_all(self) -> None:
        """Seals what came since, outside of the turn: the event loop goes on writing intents meanwhile."""
        if self.seal is None:
            return
        while True:
            # Of a copy, which is made in one step: the event loop adds to it meanwhile.
            batch = list(islice(self._open.copy(), GROUP_RECORDS))
            try:
                # Without any, too: then the ring is looked at, and a key that was erased is forgotten.
                sealed = self.seal([exchange for _, _, exchange in batch])
            except Exception as cause:  # as with a record that can't be encoded, the thread must live on
                self.unsealable = str(cause) if isinstance(cause, SwitchoverError) else type(cause).__name__
                self.moved()
                if self._ending:
                    self._give_up_open()
                return
            self.unsealable = ""
            for (number, size, _), exchange in zip(batch, sealed, strict=True):
                if exchange is None:
                    self.unfit += 1
                    self.let_go += size
                else:
                    self._items.append((number, size, exchange))
                self._open.popleft()
            if len(self._open) < GROUP_RECORDS:
                return

    def _give_up_open(self) -> None:
        """At the end: what could not be sealed is counted lost, since it may not be written as it is."""
        while self._open:
            _, size, _ = self._open.popleft()
            self.unfit += 1
            self.let_go += size

    def _is_served(self) -> bool:
        """Whether the event loop has been writing: then it will write what is there now, too.

        Were the thread to write beside it, it would hold the turn for as long as it waits for the interpreter.
        """
        served, segment = self._writes != self._writes_seen, self._segment
        self._writes_seen = self._writes
        if not served or not self.healthy or segment is None:
            return False
        return len(self._items) < GROUP_RECORDS and segment.end < self.segment_bytes

    def _take_all(self) -> None:
        while self._items:
            with self._turn:
                if self.healthy and (self._segment is None or self._segment.end >= self.segment_bytes):
                    self._roll()
                self._take_in(self._batch(GROUP_RECORDS), self.clock.monotonic())

    # -- on whichever holds the turn

    def _batch(self, most: int) -> list[Item]:
        items = self._items
        return [items.popleft() for _ in range(min(most, len(items)))]

    def _take_in(self, batch: list[Item], now: float) -> None:
        if not batch:
            return
        payloads = []
        for number, size, record in batch:
            try:
                payload = frames.encode(record)
            except Exception:  # whatever a record holds, the thread must live on
                self.unfit += 1
                payload = b""
            self._unsynced.append((number, size, payload, now))
            if payload:
                payloads.append(payload)
        if self.healthy and self._segment is not None:
            try:
                self._segment.write(frames.framed(payloads, self._segment.salt))
            except OSError as cause:
                self._fail(cause)
            else:
                self.written = max(self.written, batch[-1][0])
                self.moved()
                return
        self._unwritten += len(batch)

    def _fail(self, cause: OSError) -> None:
        """That file is never written or synced again; the batch stays in memory until another file has it."""
        self.healthy, self.trouble = False, f"{cause.strerror or cause}"
        self.moved()

    # -- on the thread again

    def _roll(self) -> None:
        """The next segment, when this one is full and safe."""
        try:
            if self._segment is not None:
                self._segment.sync()
                self._segment.close()
            self._segment = None
            self._segment = self._next_segment()
        except OSError as cause:
            self._fail(cause)

    def _next_segment(self) -> Segment:
        self._number += 1
        return Segment(self.folder, self._number)

    def _sync(self) -> None:
        # Counted between two writes, the last of which did not fail: else records wait that are not in the file.
        with self._turn:
            segment, count = self._segment, len(self._unsynced)
            if segment is None or not self.healthy:
                return
        self._syncing_since = self.clock.monotonic()
        try:
            segment.sync()
        except OSError as cause:
            with self._turn:
                self._fail(cause)
        else:
            self._safe(count)
        finally:
            self._syncing_since = 0.0

    def _safe(self, count: int) -> None:
        """The first ``count`` of what was not yet synced are."""
        number = self._last_safe
        for _ in range(count):
            one, size, _, _ = self._unsynced.popleft()
            number = max(number, one)
            self.let_go += size
            if not size:
                self._losses.on_record()
        self._last_safe = number
        if number > self.written:
            self.written = number
        # An exchange that was overtaken while it was sealed holds the mark back; intents are few, and copied whole.
        waiting = [one for one, _, _ in self._open.copy()]
        waiting += [one for one, _, _ in self._items.copy()]
        waiting += [one for one, size, _, _ in self._unsynced.copy() if size]
        self.durable = max(self.durable, min([number, *(one - 1 for one in waiting)]))
        self.moved()

    def _recover(self) -> None:
        """Writes everything that is not synced to a new segment and syncs that; on failure it is tried again."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None
        segment = None
        try:
            segment = self._next_segment() if self._begun else self._first_segment()
            self._add_gap()
            waiting = iter(self._unsynced)
            while group := list(islice(waiting, GROUP_RECORDS)):
                segment.write(frames.framed([payload for _, _, payload, _ in group if payload], segment.salt))
            segment.sync()
        except OSError as cause:
            self.failing, self.trouble = True, f"{cause.strerror or cause}"
            if segment is not None:
                segment.drop()
            unwritten = self._unwritten + len(self._open)
            self._losses.keep(self._lost, unwritten, self.clock.now(), self.trouble)
            self.moved()
            return
        self._segment = segment
        self._unwritten = 0
        self._safe(len(self._unsynced))
        self._losses.forget()
        self.healthy, self.failing, self.trouble = True, False, ""

    def _write_gap(self) -> None:
        """Puts on record how many were lost while the disk was merely slow."""
        with self._turn:
            payload = self._add_gap()
            if not payload or self._segment is None:
                return
            try:
                self._segment.write(frames.frame(payload, self._segment.salt))
            except OSError as cause:
                self._fail(cause)
                return
        self._sync()

    def _add_gap(self) -> bytes:
        """A gap for what is lost and in none yet joins what is to be synced; its payload, or nothing."""
        gap = self._losses.gap(self._lost, self.clock.now(), self.trouble or "more than memory may hold")
        if gap is None:
            return b""
        payload = frames.encode(gap)
        self._unsynced.append((0, 0, payload, self.clock.monotonic()))
        return payload

    @property
    def _lost(self) -> int:
        return self.lost() + self.unfit
