"""Places and lifts a drilled cut-off that lapses by itself."""

from __future__ import annotations

from dataclasses import replace

from switchover.clock import Clock
from switchover.domain.cut_off import CutOff, Drill
from switchover.errors import OperatorError, StoreUnavailable
from switchover.evidence import events
from switchover.store import Store
from switchover.store import facts as fact_rows
from switchover.store.drills import (
    cut_offs,
    drills,
    heartbeat,
    last_heartbeat,
    lift_cut_off,
    place_cut_off,
    save_drill,
)

from .order import DrillOrder

BEAT_S = 1.0
# A drill that has been silent for so long is dead, or its machine slept: either way nobody watches it.
LOST_AFTER_S = 5.0
# The cut-off outlives its drill's planned end by this much, so that it is lifted and not left to lapse.
GRACE_S = 5.0


def place(order: DrillOrder, drill: Drill, store: Store, now: float, note: events.Note = events.unnoted) -> CutOff:
    """Puts the drill's fault in force, until the drill's end at the latest."""
    cut_off = CutOff(
        id=f"{drill.id}-cut",
        target=order.target,
        reason=f"drill {drill.id}: {order.hypothesis}",
        by=order.operator,
        placed_at=now,
        expires_at=now + order.duration + GRACE_S,
        fault=order.fault,
        settings=dict(order.settings),
        drill=drill.id,
        share=order.share,
        processes=(order.process.name,),
    )
    # Its placing is its first beat: nothing that fails after it leaves it in force with nobody to lift it.
    note(events.saved(place_cut_off(store, cut_off)))
    return cut_off


class Hold:
    """A cut-off in force: beats, and notices when it was late or when somebody else lifted it."""

    def __init__(self, cut_off: CutOff, store: Store, clock: Clock, note: events.Note = events.unnoted) -> None:
        self._cut_off, self._store, self._clock, self._note = cut_off, store, clock, note
        self._beaten = clock.monotonic()

    def beat(self) -> str | None:
        """Says that we are here. Returns why the drill must stop, or None."""
        now, elapsed = self._clock.now(), self._clock.monotonic()
        silent = elapsed - self._beaten
        if silent > LOST_AFTER_S:
            return f"the heartbeat was lost for {silent:.0f} s"
        try:
            heartbeat(self._store, self._cut_off.id, now)
        except StoreUnavailable as error:
            return f"the heartbeat can't be written: {error}"
        self._beaten = elapsed
        if not any(cut.id == self._cut_off.id for cut in cut_offs(self._store, in_force_at=now)):
            return "the cut-off was lifted by somebody else"
        return None

    def lift(self) -> float:
        """Ends it; returns when. Without a store it lapses, and the moment is that of its expiry."""
        now = self._clock.now()
        try:
            lift_cut_off(self._store, self._cut_off.id, self._cut_off.by, now)
            note_lifted(self._store, now, self._note)
        except StoreUnavailable:
            return self._cut_off.expires_at or now
        return now


class Deserted:
    """Finds drilled cut-offs whose drill has gone silent, and lifts them: whoever met the fault is served again.

    Silence is measured in elapsed time of this machine, by beats that stay the same: that of another may be wrong.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Each one's last beat, and since when it is the last.
        self._beats: dict[str, tuple[float, float]] = {}
        self._look_at = clock.monotonic()

    def lift(self, store: Store) -> list[CutOff]:
        """Looks once a second, and lifts what is deserted; which those are. Raises StoreUnavailable."""
        elapsed = self._clock.monotonic()
        if elapsed < self._look_at:
            return []
        self._look_at = elapsed + BEAT_S
        now, before = self._clock.now(), self._beats
        self._beats, found = {}, []
        for cut in cut_offs(store, in_force_at=now):
            if cut.drill is None:
                continue
            beat = last_heartbeat(store, cut.id) or cut.placed_at
            known, since = before.get(cut.id, (beat, elapsed))
            self._beats[cut.id] = beat, since if known == beat else elapsed
            if known == beat and elapsed - since > LOST_AFTER_S:
                lift_cut_off(store, cut.id, "the keeper", now)
                found.append(cut)
        return found


def note_lifted(store: Store, at: float, note: events.Note) -> None:
    """Notes the cut-offs that were lifted at this moment."""
    for fact in fact_rows.ended(store, "cut-off", at):
        note(events.ended(fact))


def abandon_dead(store: Store, now: float, note: events.Note = events.unnoted) -> list[Drill]:
    """Records drills whose process is gone as abandoned, and lifts what they left. Returns them.

    Raises OperatorError when a drill is alive: there is one at a time.
    """
    found = []
    for drill in drills(store):
        if drill.state != "running":
            continue
        mine = [cut for cut in cut_offs(store) if cut.drill == drill.id]
        beats = [last_heartbeat(store, cut.id) or cut.placed_at for cut in mine]
        if now - max([drill.begun_at, *beats]) <= LOST_AFTER_S:
            raise OperatorError(
                f"drill {drill.id} is running on {drill.process}: one at a time",
                mend="wait until it has ended, or end its process and try again in a few seconds",
            )
        for cut in mine:
            lift_cut_off(store, cut.id, "the next drill", now)
        note_lifted(store, now, note)
        abandoned = replace(drill, state="abandoned")
        note(events.drill(save_drill(store, abandoned), abandoned, {}))
        found.append(abandoned)
    return found
