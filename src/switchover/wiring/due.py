"""Due rehearsals: what each proof needs to stay in date, left as orders; and the orders that may be run now."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from switchover.domain.candidate import Cell, Proof, fingerprint, grader_id
from switchover.domain.exchange import Usage
from switchover.domain.process import Process, RehearsalTerms, Settings
from switchover.domain.watching import DueOrder, Finding, Why
from switchover.evidence import events
from switchover.rehearsal.due import Held, LedgerNow, Need, in_turn, needs, rate_of, replays_for
from switchover.stats.bets import growth
from switchover.stats.noninferiority import DAY, Ledger
from switchover.store import Store
from switchover.store.drills import cut_offs
from switchover.store.due_orders import open_order, takable
from switchover.store.exchanges import list_exchanges
from switchover.store.proofs import proofs
from switchover.store.register import baseline_lost
from switchover.store.trials import bare_cases
from switchover.watch.allowance import Allowance, day_of
from switchover.watch.run import Round
from switchover.watch.schedule import in_window

NAME = "due"
# So many of a process's newest exchanges say what a replay uses.
LOOKED_AT = 200


async def due(round_: Round) -> list[Finding]:
    """Leaves an order for each proof that fades or has lapsed, and says so."""
    now = round_.clock.now()
    cells = [held for process in round_.processes for held in held_cells(round_.settings, round_.store, process, now)]
    found = []
    for need in needs(cells, now):
        order = _order_of(need, now)
        if open_order(round_.store, order):
            round_.note(events.due_order(order, "opened"))
        found.append(Finding(step=NAME, about=order.process, well=need.held.expires_at > now, said=order.said))
    return found


def _order_of(need: Need, now: float) -> DueOrder:
    held = need.held
    until = day_of(held.expires_at)
    if need.why is Why.LAPSED:
        said = f"the proof of {held.candidate} lapsed on {until}"
    else:
        said = f"the proof of {held.candidate} ends on {until} without further replays; {need.replays} or more are due"
    return DueOrder.of(
        held.process,
        held.candidate,
        need.why,
        about=day_of(now),
        said=said,
        now=now,
        prompt_version=held.prompt_version,
        replays=need.replays,
        due_at=need.due_at,
    )


def held_cells(settings: Settings, store: Store, process: Process, now: float) -> Iterator[Held]:
    """The cells whose proofs serve the process, or did; ``settings`` have the chat templates that are seen."""
    terms = process.rehearse
    if terms is None or not process.recording.keeps_words:
        return
    newest: dict[str, Proof] = {}
    for proof in proofs(store, process.name):
        spec = settings.upstreams.get(proof.upstream)
        fits = spec is not None and proof.upstream in process.fallbacks and proof.fingerprint == fingerprint(spec)
        if fits and proof.grader == grader_id(terms):
            newest.setdefault(proof.upstream, proof)
    for proof in newest.values():
        rows = bare_cases(store, _cell(proof).id)
        midnight = math.floor(now / DAY) * DAY
        yield Held(
            process=process.name,
            candidate=proof.upstream,
            prompt_version=proof.prompt_version,
            criticality=process.criticality,
            ledgers=[
                _ledger([(row.graded_at, row.candidate, row.baseline) for row in part], len(rows), margin, terms, now)
                for part, margin in (
                    (rows, terms.margin),
                    *(([r for r in rows if one.name in r.slices], terms.slice_margin) for one in terms.slices),
                )
            ],
            expires_at=proof.expires_at,
            alpha=terms.alpha,
            half_life=terms.half_life,
            made_today=sum(row.graded_at >= midnight for row in rows),
        )


def _cell(proof: Proof) -> Cell:
    return Cell(
        process=proof.process,
        upstream=proof.upstream,
        fingerprint=proof.fingerprint,
        prompt_version=proof.prompt_version,
        grader=proof.grader,
        epoch=proof.epoch,
    )


def _ledger(
    rows: list[tuple[float, float | None, float | None]], of: int, margin: float, terms: RehearsalTerms, now: float
) -> LedgerNow:
    """What a ledger gains by one more replay like those it holds, aged."""
    graded = [(at, c - b) for at, c, b in rows if c is not None and b is not None]
    ready, _ = Ledger.of(graded).weights(now, terms.half_life)
    return LedgerNow(growth=growth(ready, -margin), share=len(rows) / of if of else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """An order whose turn it is: so many replays of at most ``cost`` micro-USD each; or why it waits."""

    order: DueOrder
    replays: int
    cost: int
    waits: str = ""


def turns(settings: Settings, store: Store, allowance: Allowance, now: float) -> list[Turn]:
    """The orders that wait, in the turn in which they are run, each with what it may have now."""
    criticality = {name: process.criticality for name, process in settings.processes.items()}
    held_up = _held_up(settings, store, now)
    found = []
    for order in in_turn(takable(store, now), criticality):
        process = settings.processes.get(order.process)
        if process is None or process.rehearse is None or order.candidate not in process.fallbacks:
            found.append(Turn(order=order, replays=0, cost=0, waits=GONE))
        elif why := held_up or _waits(settings, store, process, order, now):
            found.append(Turn(order=order, replays=0, cost=0, waits=why))
        else:
            found.append(_turn(settings, store, allowance, process, order))
    return found


GONE = "its process or its candidate is no longer configured"


def _held_up(settings: Settings, store: Store, now: float) -> str:
    """What holds up every rehearsal."""
    if not settings.watch.rehearses:
        return "watch.rehearse is off"
    if not in_window(now, settings.watch):
        return "it is outside the hours of watch.at"
    # What is replayed now would meet a drill's load, and a drill's figures the replays.
    drilled = any(cut.fault is not None for cut in cut_offs(store, in_force_at=now))
    return "a drill is under way" if drilled else ""


def _waits(settings: Settings, store: Store, process: Process, order: DueOrder, now: float) -> str:
    """What holds up this one: nobody to ask, or nobody who may be asked."""
    candidate, baseline = settings.upstreams[order.candidate], settings.upstreams[process.baseline]
    if not process.may_see(candidate, settings.providers):
        return f"the data policy keeps {process.data} data from {candidate.name}"
    for cut in cut_offs(store, in_force_at=now):
        for spec in (candidate, baseline):
            if cut.fault is None and cut.target.covers(spec, settings.providers):
                return f"{spec.name} is cut off ({cut.target})"
    if process.name in baseline_lost(store):
        return f"{process.baseline} is lost, against which it would be compared; its proofs are held"
    return ""


def _turn(settings: Settings, store: Store, allowance: Allowance, process: Process, order: DueOrder) -> Turn:
    most = process.rehearse.budget_calls if process.rehearse else 0
    left = allowance.replays_left({process.name: most})
    money = allowance.money_left()
    cost = cost_of_replay(settings, store, allowance, process, order.candidate)
    replays = replays_for(order, left=left, most=most, cost=cost, money=money)
    waits = ""
    if not replays:
        unknown = money is not None and cost is None
        waits = "nobody knows what a replay costs, and watch.spend_per_day bounds it" if unknown else SPENT
    return Turn(order=order, replays=replays, cost=cost or 0, waits=waits)


SPENT = "the day's replays or money are spent; it goes on tomorrow"


def cost_of_replay(
    settings: Settings, store: Store, allowance: Allowance, process: Process, candidate: str
) -> int | None:
    """What a replay costs in micro-USD, candidate and second baseline sample together, by what was used lately.

    None where a price or a usage is not known.
    """
    used = [e.usage for e in list_exchanges(store, process=process.name, limit=LOOKED_AT, bodies=False) if e.usage]
    if not used:
        return None
    mean = Usage(
        input=math.ceil(sum(one.input for one in used) / len(used)),
        output=math.ceil(sum(one.output for one in used) / len(used)),
    )
    total = 0
    for name in (candidate, process.baseline):
        cost = allowance.price(settings.upstreams[name], mean.input, mean.output)
        if cost is None:
            return None
        total += cost
    return total


def rates(settings: Settings, store: Store, now: float) -> list[tuple[Held, float | None]]:
    """Every proven cell with its keep-warm rate per day."""
    cells = (held for process in settings.processes.values() for held in held_cells(settings, store, process, now))
    return [(held, rate_of(held)) for held in cells]
