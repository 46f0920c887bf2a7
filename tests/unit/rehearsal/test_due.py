"""Which due order goes first, and how far: critical processes, then proofs that serve, then the soonest end."""

from __future__ import annotations

from switchover.domain.process import Criticality
from switchover.domain.watching import DueOrder, Why
from switchover.rehearsal.due import Held, LedgerNow, in_turn, needs, replays_for
from switchover.stats.noninferiority import DAY

NOW = 20_600 * DAY
CRITICAL, ORDINARY = Criticality.CRITICAL, Criticality.ORDINARY


def order(process="claims", why=Why.KEEP_WARM, due_at=NOW, **more):
    return DueOrder.of(process, "b", why, about=str(due_at), said="", now=NOW, due_at=due_at, **more)


def held(process="claims", **changes):
    given = {
        "process": process, "candidate": "b", "prompt_version": "v", "criticality": CRITICAL,
        "ledgers": [LedgerNow(growth=0.01)], "expires_at": NOW + 3 * DAY, "alpha": 0.05, "half_life": 30.0,
    }  # fmt: skip
    return Held(**given | changes)


def test_critical_processes_go_first_then_what_serves_then_what_ends_first():
    wanted = [
        order(due_at=NOW + 1 * DAY),
        order(due_at=NOW + 2 * DAY),
        order(why=Why.LAPSED, due_at=NOW - 5 * DAY),
        order(why=Why.RETIREMENT, due_at=NOW - 9 * DAY),
        order("chat", due_at=NOW - 20 * DAY),
        order("gone", why=Why.LAPSED, due_at=NOW),
    ]
    criticality = {"claims": CRITICAL, "chat": ORDINARY}
    assert in_turn(reversed(wanted), criticality) == wanted
    assert in_turn(wanted, criticality) == wanted


def test_a_cell_needs_its_rate_less_what_was_made_today():
    [need] = needs([held()], NOW)
    assert (need.why, need.replays, need.due_at) == (Why.KEEP_WARM, 18, NOW + 3 * DAY)
    assert needs([held(made_today=11)], NOW)[0].replays == 7
    assert needs([held(made_today=18)], NOW) == []


def test_a_slices_ledger_may_need_more_than_the_whole():
    # A slice that takes 30 of 100 replays and gains 0.02 by each.
    ledgers = [LedgerNow(growth=0.02), LedgerNow(growth=0.02, share=0.3)]
    assert needs([held(ledgers=ledgers)], NOW)[0].replays == 29


def test_a_proof_that_lapsed_is_renewed_for_a_month_and_then_let_go():
    assert [need.why for need in needs([held(expires_at=NOW - 29 * DAY)], NOW)] == [Why.LAPSED]
    assert needs([held(expires_at=NOW - 31 * DAY)], NOW) == []


def test_needs_come_in_the_order_of_what_would_be_lost_first():
    cells = [
        held("chat", criticality=ORDINARY, expires_at=NOW + DAY),
        held("late", expires_at=NOW - DAY),
        held("a", expires_at=NOW + 3 * DAY),
        held("b", expires_at=NOW + 2 * DAY),
    ]
    assert [need.held.process for need in needs(cells, NOW)] == ["b", "a", "late", "chat"]


def test_an_order_gets_what_is_left_of_the_day_of_its_own_bound_and_of_the_money():
    one = order()
    assert replays_for(one, left=200, most=1000, cost=None, money=None) == 200
    assert replays_for(one, left=2000, most=1000, cost=None, money=None) == 1000
    assert replays_for(one, left=200, most=1000, cost=3000, money=100_000) == 33
    assert replays_for(one, left=200, most=1000, cost=0, money=0) == 200
    assert replays_for(one, left=0, most=1000, cost=None, money=None) == 0


def test_with_money_bounded_what_costs_nobody_knows_how_much_is_not_run():
    assert replays_for(order(), left=200, most=1000, cost=None, money=10**9) == 0
