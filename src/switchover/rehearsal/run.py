"""The story of a rehearsal: recorded requests are replayed on a candidate until its verdict is clear.

Every scored case is saved at once, so that whatever stops a rehearsal loses nothing and the next one goes on from
there. Which cases are replayed, and after which ones a verdict is tried, depends on the record and the seed alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from switchover.clock import Clock
from switchover.domain.candidate import Verdict
from switchover.domain.exchange import Exchange
from switchover.domain.ports import Grader
from switchover.domain.process import Midstream
from switchover.evidence import events
from switchover.store import Store
from switchover.trial.continuing import Continuer
from switchover.trial.decide import Decision
from switchover.trial.replay import Ask

from .order import Order, terms_of
from .under_way import UnderWay


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a rehearsal stands after a replay or a look: ``calls`` of at most ``budget`` in this run."""

    calls: int
    budget: int
    replays: int
    decision: Decision | None


async def rehearse(
    order: Order,
    *,
    store: Store,
    ask: Ask,
    baseline_ask: Ask,
    grader: Grader,
    clock: Clock,
    progress: Callable[[Progress], None] = lambda _: None,
    anchor: Callable[[Exchange], str | None] | None = None,
    continuer: Continuer | None = None,
    note: events.Note = events.unnoted,
) -> Verdict:
    """Replays until READY for a week, NOT READY, out of budget or out of cases; saves the verdict and any proof.

    With a ``continuer``, where the process continues answers, a share of the cases is replayed cut, too, until that
    ledger is clear as well. Cancelled, it saves the verdict as it stands and passes the cancellation on. Raises
    OperatorError for a process without terms or without recorded words, StoreUnavailable when the store can't be read
    or written.
    """
    trial = UnderWay(order, store, grader, clock, ask, baseline_ask, anchor, note)
    budget = order.budget_calls or terms_of(order).budget_calls
    if continuer is not None and order.process.midstream is Midstream.CONTINUE:
        await trial.cut_too(continuer)
    decision = trial.judge()
    try:
        for batch in trial.rounds():
            if trial.is_between_rounds(batch) and trial.is_settled(decision):
                break
            if not await trial.play_round(batch, decision, budget):
                continue
            decision = trial.judge()
            progress(Progress(calls=trial.calls, budget=budget, replays=len(trial.rows), decision=decision))
            if trial.is_settled(decision) or trial.calls >= budget:
                break
    except asyncio.CancelledError:
        trial.conclude(trial.judge())
        raise
    return trial.conclude(decision)
