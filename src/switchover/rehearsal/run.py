"""The story of a rehearsal: recorded requests are replayed on a candidate until its verdict is clear.

Every scored case is saved as it comes, so that whatever stops a rehearsal loses nothing and the next one goes on from
there. Cases count in the order of the plan, and a verdict is tried after each whole round of it: how many run at once,
and which answer comes first, changes no verdict.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from switchover.clock import Clock
from switchover.domain.candidate import Verdict
from switchover.domain.ports import Grader
from switchover.domain.process import Midstream
from switchover.evidence import events
from switchover.store import Store
from switchover.trial.continuing import Continuer
from switchover.trial.decide import Decision
from switchover.trial.gate import Gate
from switchover.trial.purse import Purse
from switchover.trial.replay import Ask

from .alone import alone
from .among import Among, credential, pace_of
from .order import Order, as_marked, cell_of, terms_of
from .plain import Anchor
from .under_way import UnderWay

INTERRUPTED, NO_CASES = "it was interrupted", "every case was replayed"
NO_RECORD = "the half of the record that is for verdicts has no answer of the baseline's: record or import more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a rehearsal stands after a look, or as it begins to wait: ``calls`` of at most ``budget`` in this run.

    ``replays`` are all that count in the cell. ``per_second`` are calls of the candidate in this run, ``seconds_left``
    is what the replays still needed would take at that rate; None: not known. ``spent`` and ``money`` (the budget) are
    in micro-USD. ``at_once`` is how many calls the candidate is given at once, ``waiting`` what is waited for.
    """

    upstream: str
    calls: int
    budget: int
    replays: int
    decision: Decision | None
    per_second: float | None = None
    seconds_left: float | None = None
    spent: int | None = None
    money: int | None = None
    at_once: int = 0
    waiting: str = ""


Tell = Callable[[Progress], None]


async def rehearse(
    order: Order,
    *,
    store: Store,
    ask: Ask,
    baseline_ask: Ask,
    grader: Grader,
    clock: Clock,
    progress: Tell = lambda _: None,
    anchor: Anchor | None = None,
    continuer: Continuer | None = None,
    note: events.Note = events.unnoted,
    among: Among | None = None,
    purse: Purse | None = None,
    busy: Callable[[], bool] | None = None,
) -> Verdict:
    """Replays until READY for a week, NOT READY, out of budget or out of cases; saves the verdict and any proof.

    With a ``continuer``, where the process continues answers, a share of the cases is replayed cut, too, until that
    ledger is clear as well. ``among`` is what candidates rehearsed side by side share; ``busy`` says whether the
    candidate's own engine is answering callers. Cancelled, it waits a moment for what is in flight, saves the verdict
    as it stands and passes the cancellation on. Raises OperatorError for a process without terms or without recorded
    words and for a cell that is being rehearsed already, StoreUnavailable when the store can't be read or written.
    """
    terms, order = terms_of(order), as_marked(order, store)
    async with alone(store, cell_of(order), clock):
        shared = among or Among.of(order, store=store, baseline_ask=baseline_ask, clock=clock)
        trial = UnderWay(
            order,
            shared,
            store=store,
            grader=grader,
            clock=clock,
            ask=ask,
            anchor=anchor,
            purse=purse or Purse(order.budget if order.budget is not None else terms.budget),
            gate=_gate(order, shared, clock, busy),
            note=note,
        )
        told = _Told(trial, clock, progress)
        try:
            if continuer is not None and order.process.midstream is Midstream.CONTINUE:
                await trial.cut_too(continuer)
            await _replay(trial, told)
            await trial.land()
        except asyncio.CancelledError:
            trial.stopped = INTERRUPTED
            # Cancelled again, what is in flight is given up; what was saved is judged all the same. The first time it
            # is not, even where a run that is done waits for the last of it.
            with contextlib.suppress(asyncio.CancelledError):
                await trial.land()
            await trial.flights.give_up()
            # What came in and was counted is paid for, and the verdict rests on it.
            await shared.saving.done()
            trial.conclude(trial.judge())
            # Whoever counts calls against a bound hears of those of a round that was not finished, too.
            told.tell()
            raise
        finally:
            await trial.flights.give_up()
            if among is None:
                await shared.close()
        verdict = trial.conclude(trial.judge())
        told.tell()
        return verdict


async def _replay(trial: UnderWay, told: _Told) -> None:
    """Round after round until nothing more would change the verdict, or ``stopped`` says why not."""
    decision = told.look()
    for at, batch in trial.rounds():
        if trial.is_between_rounds(batch) and trial.is_settled(decision):
            return
        turns = trial.turns(batch, decision)
        if not turns:
            continue
        goes_on = await trial.play_round(at, turns, decision)
        decision = told.look()
        if trial.is_settled(decision) or not goes_on:
            return
    trial.stopped = NO_CASES if trial.among.record.planned else NO_RECORD


def _gate(order: Order, among: Among, clock: Clock, busy: Callable[[], bool] | None) -> Gate:
    spec = order.candidate
    pace = pace_of(order, spec)
    return Gate(spec.name, pace, clock, pauses=among.pauses, credential=credential(spec), live=order.live, busy=busy)


class _Told:
    """Tells the progress of a rehearsal: after each look, and whenever it begins or ends to wait."""

    def __init__(self, trial: UnderWay, clock: Clock, progress: Tell) -> None:
        self._trial, self._clock, self._progress = trial, clock, progress
        self._begun = clock.monotonic()
        self._decision: Decision | None = None
        for gate in self._gates():
            gate.told = self.tell

    def _gates(self) -> tuple[Gate, Gate]:
        return self._trial.gate, self._trial.among.samples.gate

    def look(self) -> Decision:
        """The verdict as it stands, which is told."""
        self._decision = self._trial.judge()
        self.tell()
        return self._decision

    def tell(self) -> None:
        """Tells where the rehearsal stands."""
        trial, decision = self._trial, self._decision
        elapsed = self._clock.monotonic() - self._begun
        rate = trial.calls / elapsed if elapsed > 0 and trial.calls else None
        needed = decision.evidence.still_needed if decision is not None else None
        self._progress(
            Progress(
                upstream=trial.order.candidate.name,
                calls=trial.calls,
                budget=trial.budget,
                replays=len(trial.rows),
                decision=decision,
                per_second=rate,
                seconds_left=needed / rate if needed is not None and rate else None,
                spent=trial.purse.spent,
                money=trial.purse.limit,
                at_once=trial.gate.pace.limit,
                waiting=next((gate.waiting for gate in self._gates() if gate.waiting), ""),
            )
        )
