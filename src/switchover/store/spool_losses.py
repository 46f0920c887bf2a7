"""What a spool lost, and how much of that is on record: one gap at a time, and a copy of it where there always is room.

A gap bears the moment at which its loss was first noticed, wherever it is written down, and however often: that is how
two that stand for the same loss are known.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from .segment import Reserve
from .spool_frames import Gap


class Losses:
    """Counts records; belongs to the spool's thread, while it is at it."""

    def __init__(self, folder: Path) -> None:
        self.reserve = Reserve(folder)
        # On record for good, and in the gap that is on its way there.
        self.recorded = self.under_way = 0
        self._kept = 0
        self._first: tuple[float, str] | None = None

    def gap(self, lost: int, now: float, reason: str) -> Gap | None:
        """The gap for what of ``lost`` is in none yet; None when nothing is, or one is on its way already."""
        if self.under_way or lost <= self.recorded:
            return None
        self.under_way = lost - self.recorded
        return self._gap(self.under_way, now, reason)

    def on_record(self) -> None:
        """The gap that was on its way is durable."""
        self.recorded, self.under_way, self._first = self.recorded + self.under_way, 0, None
        self.forget()

    def keep(self, lost: int, unwritten: int, now: float, reason: str) -> None:
        """Writes down what would be missing if the process ended here; ``unwritten`` are only in its memory."""
        missing = lost - self.recorded + unwritten
        if missing > self._kept:
            with contextlib.suppress(OSError):
                self.reserve.keep(self._gap(missing, now, reason))
                self._kept = missing

    def forget(self) -> None:
        """Nothing is missing that is not on record."""
        if self._kept:
            self._kept = 0
            with contextlib.suppress(OSError):
                self.reserve.clear()

    def _gap(self, records: int, now: float, reason: str) -> Gap:
        if self._first is None:
            self._first = now, reason
        return Gap(at=self._first[0], records=records, reason=self._first[1])
