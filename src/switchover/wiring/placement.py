"""Placements, proposed and decided, as commands ask for them, and what the record tells of them as pages keep it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from switchover.domain.people import Actor
from switchover.domain.placement import Decision
from switchover.domain.process import Process, Settings
from switchover.report import deciding
from switchover.report.deciding import Wish
from switchover.report.placements import Placement, placements
from switchover.report.quarter import Quarter, quarter
from switchover.store import Store
from switchover.store.proofs import newest_verdicts

from . import access
from .evidence import noting
from .parts import CLOCK, open_store
from .templates import with_templates

# A long record takes longer to read than a page should, and moves slowly: it is kept for so many times as long.
KEPT_TIMES, KEPT_AT_LEAST_S, KEPT_AT_MOST_S = 200.0, 10.0, 600.0


def placed(settings: Settings, process: str | None = None) -> dict[str, Placement]:
    """Where each process (or one) should be placed, and what was decided."""
    settings = with_templates(settings, idle=True)
    with open_store(settings) as store:
        return _placed(settings, store, process)


def decide(settings: Settings, process: Process, wish: Wish, *, actor: Actor) -> Decision:
    """Takes a decision; that is noted. Raises Forbidden, NotFound, OperatorError."""
    access.check(settings, actor, "decide", process.name)
    settings = with_templates(settings, idle=True)
    with open_store(settings) as store, noting(settings, actor) as note:
        found = _placed(settings, store, process.name)[process.name]
        return deciding.decide(store, settings, found, wish, actor=actor, now=CLOCK.now(), note=note)


def _placed(settings: Settings, store: Store, process: str | None) -> dict[str, Placement]:
    now = CLOCK.now()
    last = quarter(store, settings, newest_verdicts(store), now)
    return placements(store, settings, now, last, None if process is None else [process])


class KeptQuarter:
    """What the record tells, kept for a while: reading it takes a two-hundredth of the time at most."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now, self._lock = now, threading.Lock()
        self._read: tuple[float, Settings, Quarter] | None = None

    def __call__(self, store: Store, settings: Settings) -> Quarter:
        """What it tells of these settings' processes. Raises StoreUnavailable."""
        with self._lock:
            now, known = self._now(), self._read
            if known is None or now >= known[0] or known[1] != settings:
                found = quarter(store, settings, newest_verdicts(store), now)
                kept = (self._now() - now) * KEPT_TIMES
                until = now + min(max(kept, KEPT_AT_LEAST_S), KEPT_AT_MOST_S)
                known = self._read = until, settings, found
            return known[2]
