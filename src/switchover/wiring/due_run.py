"""The keeper's child: runs the steps that are due, then the due rehearsals in turn, each as `rehearse` would.

What it holds lapses by itself when it dies; SIGTERM has it save the verdict as it stands and leave the order for later.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from switchover.config import load
from switchover.domain.candidate import State, Verdict
from switchover.domain.process import Settings
from switchover.errors import OperatorError, StoreUnavailable, SwitchoverError
from switchover.evidence import events
from switchover.log import Log, line_log
from switchover.processes.lease import Lease
from switchover.rehearsal import Progress
from switchover.store import Store
from switchover.store.due_orders import count_calls, finish_order, give_up, put_back, renew_order, take_order, withdraw
from switchover.store.proofs import verdicts
from switchover.trial.decide import STANDS_DAYS
from switchover.watch.allowance import Allowance

from .due import GONE, Turn, turns
from .evidence import noting
from .parts import CLOCK, database
from .rehearsals import rehearse_candidate
from .watching import LEASE_S, alone, due_now, holder_of, run_steps

BEAT_S = 5.0
# What failed is tried again then, and not for ever.
AGAIN_S = 3600.0
MOST_TRIES = 5
DAY_S = 86_400.0


def work(configuration: str) -> None:
    """Does what is due, and ends. SIGTERM ends it sooner, with nothing lost.

    Exit 1 when it could not begin: the keeper then waits before it tries again.
    """
    settings = load(configuration, os.environ)
    log = line_log("watch", CLOCK, form=settings.log.format, least=settings.log.level)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with database(settings) as store:
            _work(settings, store, log)
    except (StoreUnavailable, OperatorError) as error:
        log("watch held up", level="warning", detail=str(error).partition("\n")[0])
        sys.exit(1)
    except KeyboardInterrupt:
        log("watch stopped")


def _interrupt(number: int, frame: FrameType | None) -> None:
    """As Ctrl-C: a rehearsal that is under way is cancelled, waits for what is in flight, and concludes.

    Once: at the end the supervisor tells the keeper's whole group, and the keeper its child, too. A second Ctrl-C would
    give up what is in flight, and paid for.
    """
    signal.signal(signal.SIGTERM, _told_already)
    signal.raise_signal(signal.SIGINT)


def _told_already(number: int, frame: FrameType | None) -> None:
    """A handler, since engines that are started would inherit a signal that is ignored."""


def _work(settings: Settings, store: Store, log: Log) -> None:
    holder = holder_of(settings, os.getpid())
    with alone(store, holder) as lease, noting(settings) as note:
        beat = Beat(settings, lease, holder)
        with beat.running():
            names = due_now(settings, store, CLOCK.now())
            found = asyncio.run(run_steps(settings, store, names, note)) if names else []
            for one in found:
                if not one.well:
                    log("watch found", level="warning", step=one.step, about=one.about, detail=one.said)
            tried: set[str] = set()
            while (turn := _next(settings, store, tried)) is not None:
                tried.add(turn.order.id)
                run_order(settings, store, turn, holder, log, note, beat.holding)


def _next(settings: Settings, store: Store, tried: set[str]) -> Turn | None:
    """The order whose turn it is; those that nothing will ever come of are ended."""
    now = CLOCK.now()
    found = turns(settings, store, Allowance(settings.watch, store, CLOCK), now)
    withdraw(store, [turn.order.id for turn in found if turn.waits == GONE], now=now, trouble=GONE)
    return next((turn for turn in found if turn.replays and turn.order.id not in tried), None)


def run_order(
    settings: Settings,
    store: Store,
    turn: Turn,
    holder: str,
    log: Log,
    note: events.Note,
    holding: Callable[[str | None], None] = lambda _: None,
) -> None:
    """Takes the order, and rehearses for as many replays as its turn gives it; nothing where somebody else has it."""
    order = turn.order
    if not take_order(store, order.id, holder, now=CLOCK.now(), seconds=LEASE_S):
        return
    holding(order.id)
    allowance = Allowance(settings.watch, store, CLOCK)
    made = 0

    def count(calls: int) -> None:
        nonlocal made
        if calls > made:
            # As they are made: what a killed runner spent stays spent.
            allowance.took(order.process, calls - made, (calls - made) * turn.cost)
            count_calls(store, order.id, holder, calls - made)
            made = calls

    def show(step: Progress) -> None:
        count(step.calls)

    fewest = min(max(order.replays - order.calls, 0), turn.replays)
    log("due rehearsal begun", process=order.process, candidate=order.candidate, why=str(order.why), most=turn.replays)
    try:
        verdict = rehearse_candidate(
            settings, order.process, order.candidate, prompt_version=order.prompt_version or _version(store, turn),
            budget=turn.replays, fewest=fewest, progress=show,
        )  # fmt: skip
    except (KeyboardInterrupt, asyncio.CancelledError):
        put_back(store, order.id, holder, not_before=CLOCK.now(), failed=False)
        raise
    except SwitchoverError as error:
        _failed(store, turn, holder, log, note, str(error).partition("\n")[0])
        return
    finally:
        holding(None)
    count(verdict.calls)
    log("due rehearsal over", process=order.process, candidate=order.candidate, state=str(verdict.state), calls=made)
    if is_done(turn, verdict, CLOCK.now(), made, _most(settings, order.process)):
        finish_order(store, order.id, holder, verdict=verdict.id, now=CLOCK.now())
        note(events.due_order(order, "done", verdict.id))
    else:
        put_back(store, order.id, holder, not_before=CLOCK.now(), failed=False)


def is_done(turn: Turn, verdict: Verdict, now: float, made: int, most: int) -> bool:
    """Whether nothing more is to come of an order: its verdict is clear, there are no cases left, or no budget.

    ``made`` in this turn; ``most`` is the bound of the whole order.
    """
    order = turn.order
    # Fewer than it was given: it ended by itself.
    if made < turn.replays or order.calls + made >= most:
        return True
    lasts = verdict.expires_at is not None and verdict.expires_at >= now + (STANDS_DAYS - 1) * DAY_S
    return order.calls + made >= order.replays and (verdict.state is State.NOT_READY or lasts)


def _most(settings: Settings, process: str) -> int:
    terms = settings.processes[process].rehearse
    return terms.budget_calls if terms is not None else 0


def _version(store: Store, turn: Turn) -> str | None:
    """The prompt version with which the candidate was last rehearsed to some effect; None where it never was."""
    found = (one for one in verdicts(store, turn.order.process) if one.cell.upstream == turn.order.candidate)
    return next((one.cell.prompt_version for one in found if one.state is not State.NOT_READY), None)


def _failed(store: Store, turn: Turn, holder: str, log: Log, note: events.Note, said: str) -> None:
    order, now = turn.order, CLOCK.now()
    log("due rehearsal failed", level="warning", process=order.process, candidate=order.candidate, detail=said)
    if order.tries + 1 >= MOST_TRIES:
        give_up(store, order.id, holder, now=now, trouble=said)
        note(events.due_order(order, "given up"))
    else:
        put_back(store, order.id, holder, not_before=now + AGAIN_S * 2**order.tries, trouble=said)


class Beat:
    """Renews the lease and the order in hand from a thread; interrupts the work when they are somebody else's by now.

    It has a connection of its own: the work may hold the other for a while.
    """

    def __init__(self, settings: Settings, lease: Lease, holder: str) -> None:
        self._settings, self._lease, self._holder = settings, lease, holder
        self._order: str | None = None
        self._over = threading.Event()

    def holding(self, order: str | None) -> None:
        """The order in hand from now on."""
        self._order = order

    @contextmanager
    def running(self) -> Iterator[None]:
        """Beats for as long as this lasts."""
        thread = threading.Thread(target=self._run, name="watch-beat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join(BEAT_S)

    def _run(self) -> None:
        while not self._over.wait(BEAT_S):
            if not self._beat():
                os.kill(os.getpid(), signal.SIGINT)
                return

    def _beat(self) -> bool:
        """Whether all is still ours; a store that is away for a moment takes nothing from us before it lapses."""
        order = self._order
        try:
            with database(self._settings) as store:
                if not self._lease.renew(store):
                    return False
                return order is None or self._renewed(store, order)
        except StoreUnavailable:
            return self._lease.held

    def _renewed(self, store: Store, order: str) -> bool:
        ours = renew_order(store, order, self._holder, CLOCK.now() + LEASE_S)
        # Put down between the two.
        return ours or self._order != order
