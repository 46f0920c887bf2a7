"""What trials may spend of the budgets: reserved first, never the last of a cap, and settled however they end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from switchover.costs.holding import LedgerHolding, settle_the_dead
from switchover.domain.exchange import Usage
from switchover.domain.process import Budget, Price
from switchover.errors import StoreUnavailable
from switchover.store.ledger import Ledger
from switchover.testing.builders import make_process, make_settings, make_upstream
from switchover.testing.clock import ManualClock
from switchover.trial.caps import LEFT_TO_LIVE, Caps, OverBudget
from switchover.trial.gate import Gate, PutOff
from switchover.trial.pace import Pace
from switchover.trial.replay import Reply, Sign

USD = 1_000_000
SPEC = make_upstream(price=Price(input_mtok="1", output_mtok="1"), max_output=1_000)
PROCESS = make_process(budget=Budget(month=10 * USD))
NOW = 1_793_491_200.0


def a_million(caps, process=PROCESS, spec=SPEC):
    """Reserves about a dollar."""
    return caps.reserve(process, spec, 900_000, 98_000)


@pytest.fixture
def clock():
    return ManualClock(NOW)


@pytest.fixture
def ledger(tmp_path):
    opened = Ledger.open(tmp_path, "sqlite://")
    yield opened
    opened.close()


@pytest.fixture
def caps(tmp_path, clock):
    found = make_settings(
        upstreams={"vendor": SPEC}, processes={PROCESS.name: PROCESS}, budgets={"organisation": Budget(month=50 * USD)}
    )
    return Caps(found, clock, lambda: LedgerHolding(Ledger.open(tmp_path, "sqlite://"), tmp_path, "trials-1"))


def account(ledger, name=f"process:{PROCESS.name}"):
    return next(one for one in ledger.accounts() if one.budget == name)


def test_a_call_is_settled_on_every_budget_that_is_about_it(caps, ledger):
    a_million(caps).settle(Usage(input=500_000, output=0))
    caps.end()
    for name in (f"process:{PROCESS.name}", "organisation"):
        found = account(ledger, name)
        assert (found.settled, found.unknown, found.leased) == (USD // 2, 0, 0)


def test_what_nobody_told_counts_whole_and_what_was_turned_down_not_at_all(caps, ledger):
    held = a_million(caps)
    a_million(caps).release()
    held.settle(None)
    caps.end()
    found = account(ledger)
    assert found.settled == found.unknown == held.bound


@pytest.mark.parametrize(
    "usage",
    [
        Usage(),
        Usage(input=10, cached_input=900_000),
        Usage(input=10, cached_input=6, written_input=6),
        Usage(input=900_000, output=-10),
        Usage(input=10, output=10, estimated=True),
    ],
)
def test_a_usage_that_can_not_be_or_was_only_counted_here_costs_its_bound(caps, ledger, usage):
    held = a_million(caps, spec=replace(SPEC, price=Price(input_mtok="1", cached_mtok="0.1", output_mtok="1")))
    held.settle(usage)
    caps.end()
    found = account(ledger)
    assert found.settled == found.unknown == held.bound > USD * 0.9


def test_a_usage_beyond_all_bounds_is_settled_and_stops_the_rest(caps, ledger):
    a_million(caps).settle(Usage(input=10**18))
    with pytest.raises(OverBudget):
        a_million(caps)
    caps.end()
    assert account(ledger).settled == 10**15


def test_a_run_that_outlasts_a_price_by_the_hour_settles_by_the_next_one(tmp_path, ledger):
    # deepseek-v4-pro is twice as dear from 01:00 to 04:00 UTC; NOW is a midnight.
    by_hour = make_upstream(model="deepseek-v4-pro", host="deepseek")
    found = make_settings(upstreams={"vendor": by_hour}, processes={PROCESS.name: PROCESS})
    clock = ManualClock(NOW + 3300)
    caps = Caps(found, clock, lambda: LedgerHolding(Ledger.open(tmp_path, "sqlite://"), tmp_path, "trials-1"))
    settled = []
    for _ in range(2):
        caps.reserve(PROCESS, by_hour, 1_000_000, 0).settle(Usage(input=1_000_000))
        clock.advance(300)
        caps._exchange(0)
        settled.append(account(ledger).settled)
    assert settled[1] == 3 * settled[0] > 0


def test_the_last_of_a_cap_is_left_to_callers(caps, ledger):
    spent = 0

    def spend():
        nonlocal spent
        for _ in range(20):
            a_million(caps).settle(Usage(input=900_000, output=98_000))
            spent += 998_000

    with pytest.raises(OverBudget, match="are kept for callers"):
        spend()
    caps.end()
    assert account(ledger).settled == spent <= 10 * USD * (1 - LEFT_TO_LIVE)
    assert spent > 6 * USD


def test_what_is_under_way_is_reserved_so_that_many_at_once_do_not_cross_it(caps):
    held = []

    def reserve():
        for _ in range(20):
            held.append(a_million(caps))

    with pytest.raises(OverBudget):
        reserve()
    assert sum(one.bound for one in held) <= 8 * USD
    held.pop().release()
    held.append(a_million(caps))


def test_a_soft_cap_is_counted_and_lets_through(tmp_path, clock, ledger):
    soft = replace(PROCESS, budget=Budget(month=USD, kind="soft"))
    found = make_settings(upstreams={"vendor": SPEC}, processes={soft.name: soft})
    caps = Caps(found, clock, lambda: LedgerHolding(Ledger.open(tmp_path, "sqlite://"), tmp_path, "trials-1"))
    for _ in range(3):
        a_million(caps, soft).settle(Usage(input=900_000, output=98_000))
    caps.end()
    assert account(ledger).settled == 3 * 998_000


def test_what_is_free_or_under_no_budget_is_not_reserved(caps, tmp_path):
    own = make_upstream("own", host="own", price=None)
    assert caps.reserve(PROCESS, own, 10, 10) is None
    alone = Caps(make_settings(), ManualClock(NOW), lambda: pytest.fail("no ledger is asked for"))
    assert a_million(alone, make_process()) is None
    caps.end()


def test_what_has_no_price_is_not_asked_where_a_budget_is_about_it(caps):
    with pytest.raises(OverBudget, match=r"state one under upstreams\.vendor\.price"):
        a_million(caps, spec=replace(SPEC, price=None, model="nobody-knows"))


def test_a_killed_run_is_settled_at_what_it_had_reserved(caps, ledger, tmp_path):
    a_million(caps).settle(Usage(input=100_000, output=0))
    held = a_million(caps)
    # As a SIGKILL does: the lock is gone, the counts stay.
    caps._holding._file.close(remove=False)
    assert len(settle_the_dead(ledger, tmp_path)) == 1
    found = account(ledger)
    assert (found.settled, found.unknown, found.leased) == (100_000 + held.bound, held.bound, 0)


def test_without_the_ledger_nothing_is_spent():
    found = make_settings(upstreams={"vendor": SPEC}, processes={PROCESS.name: PROCESS})

    def away():
        raise StoreUnavailable("the ledger is away", mend="wait")

    with pytest.raises(OverBudget, match="its ledger can't be used"):
        a_million(Caps(found, ManualClock(NOW), away))


def test_a_rehearsal_stops_with_the_reason_and_no_case_is_held_against_the_candidate():
    async def over():
        return Reply(None, error="over budget: nothing is left", sign=Sign.OVER_BUDGET)

    gate = Gate("other", Pace(most=4), ManualClock(NOW))
    with pytest.raises(PutOff, match="nothing is left"):
        asyncio.run(gate.through(over))
    assert not Reply(None, sign=Sign.OVER_BUDGET).tells
