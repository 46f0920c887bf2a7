"""People who label, each at a desk of their own that is kept from one page to the next.

A desk reads the whole record of a process, which takes longer than a page may. So it is kept, and set up anew every few
minutes, since others replay and label meanwhile. A verdict is drawn again from a desk set up for that, never from one
that was kept: when the person says so, and where nobody came back, after a while.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from switchover.clock import Clock
from switchover.domain.candidate import Verdict
from switchover.domain.label import Label
from switchover.domain.people import Actor
from switchover.domain.process import Settings
from switchover.errors import SwitchoverError
from switchover.evidence.events import Note, unnoted
from switchover.rehearsal import Desk
from switchover.store import Store

FRESH_S = 300.0
LAPSE_S = 1200.0

log = logging.getLogger(__name__)

# Sets up a desk: settings, store, the verdict whose cell it is about, who labels, and who takes notes.
Seat = Callable[[Settings, Store, Verdict, Actor, Note], Desk]


@dataclass(slots=True, kw_only=True)
class Sitting:
    """One person at one cell: the ``desk``, what was given and skipped so far, and when somebody last came."""

    last: Verdict
    actor: Actor
    desk: Desk
    seated_at: float
    seen_at: float
    skipped: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def given(self) -> list[Label]:
        """The labels of this sitting, in order."""
        return self.desk.given


class Sittings:
    """Every sitting there is. Threads may share it.

    ``seat`` sets up a desk; ``noting(settings, actor)`` gives who takes events to the evidence log.
    """

    def __init__(
        self,
        seat: Seat,
        noting: Callable[[Settings, Actor | None], AbstractContextManager[Note]],
        clock: Clock,
    ) -> None:
        self._seat, self._noting, self._clock = seat, noting, clock
        self._lock = threading.Lock()
        self._all: dict[tuple[str, str], Sitting] = {}

    def at(self, settings: Settings, store: Store, last: Verdict, actor: Actor) -> Sitting:
        """The sitting of this person at the verdict's cell. Raises OperatorError where people are asked nothing."""
        now, place = self._clock.monotonic(), (actor.recorded, last.cell.id)
        with self._lock:
            found = self._all.get(place)
        if found is None:
            desk = self._seat(settings, store, last, actor, unnoted)
            found = Sitting(last=last, actor=actor, desk=desk, seated_at=now, seen_at=now)
            with self._lock:
                found = self._all.setdefault(place, found)
        with found.lock:
            found.last, found.actor, found.seen_at = last, actor, now
            if now - found.seated_at > FRESH_S:
                self._seat_anew(settings, store, found, unnoted)
                found.seated_at = now
        return found

    def finish(self, settings: Settings, store: Store, sitting: Sitting) -> Verdict | None:
        """Draws the verdict again from all there is, and ends the sitting; None where no label was given."""
        with sitting.lock:
            with self._lock:
                self._all.pop((sitting.actor.recorded, sitting.last.cell.id), None)
            if not sitting.given:
                return None
            with self._noting(settings, sitting.actor) as note:
                self._seat_anew(settings, store, sitting, note)
                return sitting.desk.close()

    def lapse(self, settings: Settings, store: Callable[[], Store], *, after: float = LAPSE_S) -> None:
        """Finishes every sitting to which nobody came for so long."""
        now = self._clock.monotonic()
        with self._lock:
            over = [one for one in self._all.values() if now - one.seen_at >= after]
        for one in over:
            try:
                self.finish(settings, store(), one)
            except SwitchoverError as error:
                # The labels are saved; the next sitting or rehearsal draws the verdict.
                log.error("a verdict was not drawn again: %s", error)

    def _seat_anew(self, settings: Settings, store: Store, sitting: Sitting, note: Note) -> None:
        given = sitting.given
        sitting.desk = self._seat(settings, store, sitting.last, sitting.actor, note)
        sitting.desk.given = given
        for case in sitting.skipped:
            sitting.desk.skip(case)
