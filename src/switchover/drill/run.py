"""A drill: hypothesis → steady? → cut off → observe → lift → steady again → outcome → save."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from switchover.clock import Clock
from switchover.domain.candidate import digest
from switchover.domain.cut_off import CutOff, Drill
from switchover.errors import StoreUnavailable
from switchover.evidence import events
from switchover.store import Store
from switchover.store.drills import heartbeat, save_drill

from . import report, steady_state
from .cut_off import BEAT_S, Hold, abandon_dead, place
from .observe import Observer
from .order import DrillOrder
from .outcome import Window, decide

# What happens, in a word, and which part of it is done (0–1).
Progress = Callable[[str, float], None]

# Exchanges reach the store a little after they end; so long the drill waits before it counts.
SETTLE_S = 2.0
INTERRUPTED = ("interrupted by the operator",)


def quiet(phase: str, done: float) -> None:
    """Shows nothing."""


async def run_drill(
    order: DrillOrder, *, store: Store, clock: Clock, progress: Progress = quiet, note: events.Note = events.unnoted
) -> Drill:
    """Runs one live drill to its end and returns it as saved, with its outcome.

    ``state`` is done (see the outcome: passed or failed), stopped, or "not exercised" (it never began, or nobody met
    the fault). The cut-off is lifted on every way out. Raises OperatorError when another drill is alive.
    """
    abandon_dead(store, clock.now(), note)
    drill = _written_down(order, clock.now())
    note(events.drill(save_drill(store, drill), drill, {}))
    try:
        drill, reasons = await _begin(order, drill, store, clock, progress, note)
    except asyncio.CancelledError:
        _never_begun(order, drill, INTERRUPTED, store, clock.now(), note)
        raise
    if reasons:
        return _never_begun(order, drill, reasons, store, clock.now(), note)
    cut_off = place(order, drill, store, clock.now(), note)
    observer = Observer(store, order, cut_off)
    lifted_at: float | None = None
    try:
        stopped, lifted_at = await _observe(order, cut_off, observer, store, clock, progress, note)
        unsteady = await _steady_again(order, cut_off, store, clock, lifted_at, progress)
    except asyncio.CancelledError:
        _finish(order, drill, cut_off, observer, store, lifted_at or clock.now(), list(INTERRUPTED), (), note)
        raise
    return _finish(order, drill, cut_off, observer, store, lifted_at, stopped, unsteady, note)


def _written_down(order: DrillOrder, now: float) -> Drill:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return Drill(
        id=f"drill-{stamp}-{digest([order.process.name, str(order.target), now], 4)}",
        process=order.process.name,
        target=order.target,
        fault=order.fault,
        hypothesis=order.hypothesis,
        thresholds=order.thresholds,
        approver=order.approver,
        operator=order.operator,
        state="planned",
        begun_at=now,
        duration=order.duration,
        share=order.share,
        replacement=None,
        proof=None,
        steady={},
        scenario=order.scenario,
    )


async def _begin(
    order: DrillOrder, drill: Drill, store: Store, clock: Clock, progress: Progress, note: events.Note
) -> tuple[Drill, tuple[str, ...]]:
    """Watches for the warm-up, then says why the drill may not begin; else it is running from now on."""
    await _wait(order.warm_up, "steady?", clock, progress)
    now = clock.now()
    steady, proof = steady_state.check(order, store, now - order.warm_up, now)
    drill = replace(
        drill,
        steady=steady.figures,
        replacement=proof.upstream if proof else None,
        proof=proof.id if proof else None,
    )
    if steady.reasons:
        return drill, steady.reasons
    drill = replace(drill, state="running", begun_at=now)
    note(events.drill(save_drill(store, drill), drill, {}))
    return drill, ()


async def _observe(
    order: DrillOrder,
    cut_off: CutOff,
    observer: Observer,
    store: Store,
    clock: Clock,
    progress: Progress,
    note: events.Note,
) -> tuple[list[str], float]:
    """Until the time is over or a stop condition is met; lifts. Returns the stop reasons and when it was lifted."""
    hold = Hold(cut_off, store, clock, note)
    # In elapsed time: a clock that is set back, which holds up the cut-off's expiry as well, makes no drill longer.
    begun = clock.monotonic()
    stopped: list[str] = []
    try:
        while not stopped and (left := order.duration - (clock.monotonic() - begun)) > 0:
            progress("cut off", 1 - left / order.duration)
            await clock.sleep(min(BEAT_S, left))
            observer.read(clock.now())
            incident = [
                f"{c.target} was cut off for real" for c in steady_state.real_cut_offs(order, store, clock.now())
            ]
            conditions = [hold.beat(), observer.stop_reason(clock.now()), *incident]
            stopped = [reason for reason in conditions if reason]
    except StoreUnavailable as error:
        stopped = [f"the store can't be read: {error}"]
    finally:
        lifted_at = hold.lift()
    progress("cut off", 1.0)
    return stopped, lifted_at


async def _steady_again(
    order: DrillOrder, cut_off: CutOff, store: Store, clock: Clock, lifted_at: float, progress: Progress
) -> tuple[str, ...]:
    def beat() -> None:
        # All is given back by now: a store that is away for a moment costs the drill nothing that it has seen.
        with contextlib.suppress(StoreUnavailable):
            heartbeat(store, cut_off.id, clock.now())

    await _wait(order.warm_up, "steady again?", clock, progress, beat)
    await clock.sleep(SETTLE_S)
    try:
        reasons = steady_state.measure(order, store, lifted_at, lifted_at + order.warm_up).reasons
    except StoreUnavailable as error:
        reasons = (f"the store can't be read: {error}",)
    return tuple(f"after the lift: {reason}" for reason in reasons)


def _finish(
    order: DrillOrder,
    drill: Drill,
    cut_off: CutOff,
    observer: Observer,
    store: Store,
    lifted_at: float,
    stopped: list[str],
    unsteady: tuple[str, ...],
    note: events.Note,
) -> Drill:
    observer.read(lifted_at, whole=True)
    window = Window(
        placed_at=cut_off.placed_at,
        lifted_at=lifted_at,
        rto_promised=order.process.rto,
        steady_for=order.steady_for,
        max_error_share=order.max_error_share,
    )
    outcome = decide(observer.seen, window, stopped=stopped, unsteady=unsteady)
    state = outcome.result if outcome.result in ("stopped", "not exercised") else "done"
    return _save(order, replace(drill, state=state, outcome=outcome), store, note)


def _never_begun(
    order: DrillOrder, drill: Drill, reasons: tuple[str, ...], store: Store, now: float, note: events.Note
) -> Drill:
    """Nothing was cut off; why not is the result."""
    window = Window(placed_at=now, lifted_at=now, rto_promised=order.process.rto, steady_for=0.0, max_error_share=0.0)
    outcome = replace(decide((), window), reasons=reasons)
    return _save(order, replace(drill, state="not exercised", outcome=outcome), store, note)


def _save(order: DrillOrder, drill: Drill, store: Store, note: events.Note) -> Drill:
    """Saves a drill that is over, writes its report, and notes both."""
    fact = save_drill(store, drill)
    note(events.drill(fact, drill, _write(order, drill)))
    return drill


def _write(order: DrillOrder, drill: Drill) -> dict[str, str]:
    """Writes the report; returns the SHA-256 of each file by its name."""
    if order.reports is None:
        return {}
    folder: Path = order.reports
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        f"{drill.id}.md": report.markdown(drill, simulated=order.simulated).encode(),
        f"{drill.id}.html": report.html(drill, simulated=order.simulated).encode(),
    }
    for name, page in pages.items():
        (folder / name).write_bytes(page)
    return {name: sha256(page).hexdigest() for name, page in pages.items()}


async def _wait(
    seconds: float, phase: str, clock: Clock, progress: Progress, beat: Callable[[], None] = lambda: None
) -> None:
    begun = clock.monotonic()
    while (left := seconds - (clock.monotonic() - begun)) > 0:
        beat()
        progress(phase, 1 - left / seconds)
        await clock.sleep(min(BEAT_S, left))
    progress(phase, 1.0)
