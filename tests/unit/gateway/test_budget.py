"""Reserved before each attempt, settled after it: a real gateway before real sockets, with a real ledger."""

from __future__ import annotations

import contextlib
import http.client
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from switchover.access import make_key
from switchover.clock import Clock, SystemClock
from switchover.costs.budget import span
from switchover.costs.holding import LedgerHolding, settle_the_dead
from switchover.costs.tariffs import tariff
from switchover.domain.candidate import Continuation
from switchover.domain.process import Budget, Criticality, DataClass, Midstream, Price, Process
from switchover.gateway import budget as gateway_budget
from switchover.store.ledger import Account, Ledger
from switchover.testing.clock import ManualClock
from switchover.testing.scripted import HANG, RESET, ScriptedServer, reply, stream
from switchover.testing.served import PEPPER, ServedGateway, register, spec

# A dollar for a million tokens read and ten for a million written: a micro-dollar and ten.
PRICE = Price(input_mtok="1", output_mtok="10")
USAGE = {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27}
COST = 20 + 70
ANSWER = {"id": "1", "model": "vendor-model", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]}  # fmt: skip
FINE = [reply(json.dumps({**ANSWER, "usage": USAGE}).encode())]
SILENT = [reply(json.dumps(ANSWER).encode())]
OVERLOADED = [reply(b'{"error":{"message":"busy"}}', status=529)]
CONTENT = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
STOP = b'data: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
COUNTED = b'data: {"id":"1","choices":[],"usage":' + json.dumps(USAGE).encode() + b"}\n\n"
DONE = b"data: [DONE]\n\n"
LIMIT = 100
ASKED = {"model": "p", "max_tokens": LIMIT, "messages": [{"role": "user", "content": "?"}]}
USD = 1_000_000
MIDMONTH = 1_794_830_400.0  # 2026-11-16, noon


class Midmonth(SystemClock):
    """At the machine's pace from a noon in the middle of a month on, so that no day and no month ends in a test."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def now(self) -> float:
        return MIDMONTH + time.monotonic() - self._begun


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A call waits for the ledger however slow this machine is."""
    monkeypatch.setattr(gateway_budget, "WAIT_S", 30.0)


class Bench(SimpleNamespace):
    """A gateway with a ledger, and callers."""

    def ask(self, path: str = "/v1/chat/completions", **more: Any) -> tuple[int, dict[str, Any] | bytes]:
        """One request; the answer as JSON, or its bytes where it is streamed."""
        connection = http.client.HTTPConnection(self.served.url.removeprefix("http://"), timeout=60)
        connection.request("POST", path, json.dumps({**ASKED, **more}), {"authorization": f"Bearer {self.token}"})
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response.status, data if more.get("stream") else json.loads(data)

    def account(self, budget: str = "process:p", period: str = "month", *, idle: bool = True) -> Account:
        """What the ledger says, once this worker has told it all that it spent."""
        end = time.monotonic() + 60
        name = span(period, MIDMONTH).name  # type: ignore[arg-type]  # as the test names it
        while True:
            found = {(one.budget, one.period): one for one in self.ledger.accounts()}
            one = found.get((budget, name), Account(budget=budget, period=name))
            leases = self.served.gateway.budgets.leases
            told = all(lease.told == lease.spent and not (idle and lease.reserved) for lease in leases)
            mine = [lease for lease in leases if (lease.budget, lease.span.name) == (budget, name)]
            if told and sum(lease.spent for lease in mine) == one.settled:
                return one
            assert time.monotonic() < end, (one, [(lease.spent, lease.told, lease.reserved) for lease in leases])
            self.served.gateway.budgets._bell.set()
            time.sleep(0.02)


@contextlib.contextmanager
def bench(
    folder: Path, budget: Budget | None, script: Any, own: Any = None, *, budgets: dict[str, Budget] | None = None,
    price: Price | None = PRICE, own_price: Price | None = PRICE, continuation: Continuation | None = None,
    clock: Clock | None = None, kind: str = "openai", **changes: Any,
) -> Iterator[Bench]:  # fmt: skip
    """A process with this budget on the upstream ``vendor``, and with a replacement ``own`` where that has a script."""
    with contextlib.ExitStack() as stack:
        vendor = stack.enter_context(ScriptedServer(script))
        other = stack.enter_context(ScriptedServer(own)) if own is not None else None
        upstreams = [spec("vendor", vendor.url, kind, price=price)]
        if other is not None:
            upstreams.append(spec("own", other.url, price=own_price, host="own" if own_price is None else "other"))
        process = Process(
            name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
            fallbacks=("own",) if other else (), budget=budget, **changes,
        )  # fmt: skip
        snapshot, token = register(process, upstreams, proven=("own",) if other else (), continuation=continuation)
        made = {one.name: tariff(one, 1.0) for one in upstreams if one.price is not None}
        snapshot = replace(snapshot, budgets=budgets or {}, tariffs=made)
        served = ServedGateway(snapshot, budgets=lambda: hold(folder), clock=clock or Midmonth())
        stack.enter_context(served)
        ledger = Ledger.open(folder, "sqlite://")
        stack.callback(ledger.close)
        yield Bench(served=served, vendor=vendor, own=other, token=token, ledger=ledger)


def hold(folder: Path) -> LedgerHolding:
    return LedgerHolding(Ledger.open(folder, "sqlite://", busy_s=0.1), folder, "worker-0")


def code(said: Any) -> str:
    return str(said["error"]["code"])


def bound(bench: Bench) -> int:
    """The most that a call could cost, from the bytes that arrived."""
    return len(bench.vendor.seen[-1].body) + 1024 + 10 * (LIMIT + LIMIT // 10 + 8) + 1


def test_a_call_costs_what_it_used_and_everything_else_goes_back(tmp_path):
    with bench(tmp_path, Budget(day=USD, month=2 * USD), FINE) as one:
        assert [one.ask()[0] for _ in range(3)] == [200] * 3
        for period in ("day", "month"):
            account = one.account(period=period)
            assert (account.settled, account.unknown) == (3 * COST, 0)
    with contextlib.closing(sqlite3.connect(tmp_path / "budget.sqlite")) as ledger:
        assert ledger.execute("select sum(leased), sum(settled) from budget_account").fetchone() == (0, 6 * COST)
    assert not list(tmp_path.glob("budget/*.lease"))


def test_what_no_longer_fits_is_refused_before_anything_is_sent(tmp_path):
    with bench(tmp_path, Budget(month=2500), FINE) as one:
        assert one.ask()[0] == 200
        refused = 0
        for _ in range(20):
            status, said = one.ask()
            if status == 429:
                refused += 1
                assert code(said) == "budget_exceeded"
        assert refused
        assert len(one.vendor.seen) == 21 - refused
        message = said["error"]["message"]
        assert "the budget of p for the month" in message
        assert "begins anew at" in message
        account = one.account()
        assert account.settled == len(one.vendor.seen) * COST <= 2500 < account.settled + bound(one)


def test_a_failed_attempt_and_its_replacement_are_both_charged(tmp_path):
    cut = [b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{", RESET]
    with bench(tmp_path, Budget(month=USD), cut, FINE) as one:
        assert one.ask()[0] == 200
        account = one.account()
        # The provider accepted the call that broke: nobody told what it cost.
        assert (account.settled, account.unknown) == (bound(one) + COST, bound(one))


@pytest.mark.parametrize("script", [OVERLOADED, [RESET]], ids=["turned down", "reset"])
def test_what_was_turned_down_costs_nothing_and_what_may_have_run_its_bound(tmp_path, script):
    with bench(tmp_path, Budget(month=USD), script) as one:
        assert one.ask()[0] in (502, 503)
        account = one.account()
        expected = 0 if script is OVERLOADED else bound(one) * len(one.vendor.seen)
        assert (account.settled, account.unknown) == (expected, expected)


def test_an_answer_that_does_not_tell_its_usage_costs_its_bound(tmp_path):
    with bench(tmp_path, Budget(month=USD), SILENT) as one:
        assert one.ask()[0] == 200
        assert one.account().unknown == bound(one)


@pytest.mark.parametrize(
    "usage",
    [{"prompt_tokens": -5, "completion_tokens": 7}, {"prompt_tokens": 5, "completion_tokens": -7}, {},
     {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
     {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 900}}],
)  # fmt: skip
def test_a_usage_that_can_not_be_costs_its_bound(tmp_path, usage):
    with bench(tmp_path, Budget(month=USD), [reply(json.dumps({**ANSWER, "usage": usage}).encode())]) as one:
        assert one.ask()[0] == 200
        assert one.account().unknown == bound(one)


def test_a_usage_beyond_all_bounds_is_settled_and_stops_the_rest(tmp_path):
    absurd = {"prompt_tokens": 10**17, "completion_tokens": 10**17}
    with bench(tmp_path, Budget(month=USD), [reply(json.dumps({**ANSWER, "usage": absurd}).encode())]) as one:
        assert one.ask()[0] == 200
        assert one.account().settled == 10**15
        assert one.ask()[0] == 429


def test_a_replacement_that_costs_more_than_is_left_is_not_asked_to_save_an_answer(tmp_path):
    dear = Price(input_mtok="1000", output_mtok="1000")
    with bench(tmp_path, Budget(month=10_000), OVERLOADED, FINE, own_price=dear) as one:
        status, said = one.ask()
        assert (status, code(said)) == (429, "budget_exceeded")
        assert "tried before" in said["error"]["message"]
        assert not one.own.seen


@pytest.mark.parametrize("at_cap", ["refuse", "cheaper"])
def test_at_the_cap_a_route_refuses_or_goes_to_a_cheaper_replacement(tmp_path, at_cap):
    with bench(tmp_path, Budget(month=5, at_cap=at_cap), FINE, FINE, own_price=None) as one:
        status, said = one.ask()
        assert status == (200 if at_cap == "cheaper" else 429), said
        assert (len(one.vendor.seen), len(one.own.seen)) == (0, 1 if at_cap == "cheaper" else 0)
        assert one.account().settled == 0


def test_a_soft_cap_is_crossed_and_counted(tmp_path):
    with bench(tmp_path, Budget(month=5, kind="soft"), FINE) as one:
        assert [one.ask()[0] for _ in range(2)] == [200, 200]
        assert one.account().settled == 2 * COST > 5


def test_budgets_over_processes_and_at_a_provider_are_charged_too(tmp_path):
    over = {"organisation": Budget(month=USD), "provider:vendor": Budget(day=USD), "provider:else": Budget(day=1)}
    with bench(tmp_path, None, FINE, budgets=over) as one:
        assert one.ask()[0] == 200
        assert one.account("organisation").settled == one.account("provider:vendor", "day").settled == COST
        assert not one.account("provider:else", "day").settled


def test_a_stream_is_settled_with_a_usage_that_its_caller_does_not_see(tmp_path):
    whole = stream(CONTENT, STOP, COUNTED, DONE)
    with bench(tmp_path, Budget(month=USD), whole) as one:
        status, said = one.ask(stream=True)
        assert (status, said) == (200, CONTENT + STOP + DONE)
        assert json.loads(one.vendor.seen[0].body)["stream_options"] == {"include_usage": True}
        assert (one.account().settled, one.account().unknown) == (COST, 0)
        asked = one.ask(stream=True, stream_options={"include_usage": True})[1]
        assert asked == CONTENT + STOP + COUNTED + DONE


def test_what_a_caller_says_of_its_stream_beside_is_kept(tmp_path):
    with bench(tmp_path, Budget(month=USD), stream(CONTENT, STOP, COUNTED, DONE)) as one:
        one.ask(stream=True, stream_options={"include_usage": False, "other": 1})
        assert json.loads(one.vendor.seen[0].body)["stream_options"] == {"include_usage": True, "other": 1}


def test_a_stream_that_breaks_off_costs_its_bound(tmp_path):
    with bench(tmp_path, Budget(month=USD), [*stream(CONTENT, end=False), RESET]) as one:
        assert b'"error"' in one.ask(stream=True)[1]
        assert one.account().unknown == bound(one)


def test_an_answer_that_another_goes_on_with_is_two_settlements(tmp_path):
    broken, rest = [*stream(CONTENT, end=False), RESET], stream(CONTENT, STOP, COUNTED, DONE)
    on = {"midstream": Midstream.CONTINUE, "continuation": Continuation.QUOTE}
    with bench(tmp_path, Budget(month=USD), broken, rest, **on) as one:
        assert one.ask(stream=True)[1].endswith(DONE)
        assert len(one.own.seen) == 1
        account = one.account()
        assert (account.settled, account.unknown) == (bound(one) + COST, bound(one))


def test_the_period_that_ends_carries_nothing_over(tmp_path):
    clock = ManualClock(1_793_491_190.0)  # ten seconds before November 2026
    with bench(tmp_path, Budget(month=2500), FINE, clock=clock) as one:
        while one.ask()[0] == 200:
            pass
        spent = len(one.vendor.seen)
        clock.advance(11.0)
        assert one.ask()[0] == 200
        end = time.monotonic() + 60
        while (months := {a.period: (a.settled, a.leased > 0) for a in one.ledger.accounts()}) != {
            "2026-10": (spent * COST, False), "2026-11": (COST, True),
        }:  # fmt: skip
            assert time.monotonic() < end, months
            one.served.gateway.budgets._bell.set()
            time.sleep(0.02)


def test_a_call_that_waits_for_its_first_lease_asks_the_ledger_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(gateway_budget, "EVERY_S", 3600.0)
    with bench(tmp_path, Budget(month=USD), FINE) as one:
        assert one.ask()[0] == 200


def test_a_caller_who_hangs_up_is_settled(tmp_path):
    with bench(tmp_path, Budget(month=USD), [*stream(CONTENT, end=False), HANG]) as one:
        connection = http.client.HTTPConnection(one.served.url.removeprefix("http://"), timeout=60)
        body = json.dumps({**ASKED, "stream": True})
        connection.request("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {one.token}"})
        response = connection.getresponse()
        assert response.read(len(CONTENT)) == CONTENT
        response.close()
        connection.close()
        assert one.vendor.departed.wait(60)
        end = time.monotonic() + 60
        while not one.served.spool.exchanges:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert one.account().unknown == bound(one)


def test_a_count_of_tokens_costs_nothing(tmp_path):
    counted = [reply(b'{"input_tokens": 5}')]
    with bench(tmp_path, Budget(month=1), counted, kind="anthropic") as one:
        assert one.ask()[0] == 429
        assert one.ask("/v1/messages/count_tokens") == (200, {"input_tokens": 5})
        assert one.account().settled == 0


def test_embeddings_cost_what_they_read(tmp_path):
    vectors = {"data": [{"embedding": [0.1]}], "model": "vendor-model", "usage": {"prompt_tokens": 12}}
    with bench(tmp_path, Budget(month=USD), [reply(json.dumps(vectors).encode())]) as one:
        connection = http.client.HTTPConnection(one.served.url.removeprefix("http://"), timeout=60)
        head = {"authorization": f"Bearer {one.token}"}
        connection.request("POST", "/v1/embeddings", json.dumps({"model": "p", "input": "hello"}), head)
        assert connection.getresponse().status == 200
        connection.close()
        assert one.account().settled == 12


def test_while_the_ledger_is_away_only_what_is_held_is_spent_and_own_upstreams_go_on(tmp_path, monkeypatch):
    with bench(tmp_path, Budget(month=USD), FINE, FINE, own_price=None) as one:
        assert one.ask()[0] == 200
        assert not one.own.seen
        one.account()
        with contextlib.closing(sqlite3.connect(tmp_path / "budget.sqlite", isolation_level=None)) as locked:
            locked.execute("begin exclusive")
            # Who is told that the ledger is away waits no longer for it.
            monkeypatch.setattr(gateway_budget, "WAIT_S", 3600.0)
            held = one.served.gateway.budgets.leases[0].free
            begun, vendor = time.monotonic(), len(one.vendor.seen)
            while not one.own.seen:
                assert one.ask()[0] == 200
                assert time.monotonic() < begun + 60
            assert (len(one.vendor.seen) - vendor) * COST <= held
            one.served.source.current = replace(one.served.source.current, proofs=())
            status, said = one.ask()
            assert (status, code(said)) == (503, "budget_unavailable")
            locked.execute("rollback")
        end = time.monotonic() + 60
        while one.ask()[0] != 200:
            assert time.monotonic() < end
        assert one.account().settled == len(one.vendor.seen) * COST


def test_a_worker_whose_leases_were_closed_takes_new_ones_and_the_cap_holds(tmp_path):
    with bench(tmp_path, Budget(month=USD), FINE) as one:
        asked_alone, holding = threading.Lock(), one.served.gateway.budgets._holding
        exchange = holding.exchange

        def alone(asks):
            with asked_alone:
                return exchange(asks)

        holding.exchange = alone
        assert one.ask()[0] == 200
        one.account()
        with asked_alone:
            (before,) = one.ledger.accounts()
            for path in tmp_path.glob("budget/*.lease"):
                path.unlink()
            settle_the_dead(one.ledger, tmp_path)
            # All that it held is settled, whatever it does with it.
            (closed,) = one.ledger.accounts()
        assert closed.settled == before.settled + before.leased
        assert (closed.unknown, closed.leased) == (before.leased, 0)
        end = time.monotonic() + 60
        while not list(tmp_path.glob("budget/*.lease")):
            assert one.ask()[0] in (200, 503)
            one.served.gateway.budgets._bell.set()
            assert time.monotonic() < end
        assert one.ask()[0] == 200


def test_a_budget_without_a_ledger_or_a_price_spends_nothing(tmp_path):
    with bench(tmp_path, Budget(month=USD), FINE) as one:
        one.served.source.current = replace(one.served.source.current, tariffs={})
        status, said = one.ask()
        assert (status, code(said)) == (503, "budget_unavailable")
        assert "has no price" in said["error"]["message"]
        assert not one.vendor.seen


def test_each_key_of_a_process_has_a_cap_of_its_own_and_one_named_has_another(tmp_path):
    with bench(tmp_path, Budget(month=USD), FINE, key_budget=Budget(day=5_000)) as one:
        first = one.token
        snapshot = one.served.gateway.source.current
        others = [make_key("p", PEPPER, 1.0) for _ in range(3)]
        keys = {key.id: key for key, _ in others}
        # The third was made in the place of the second: they spend of one budget.
        keys[others[2][0].id] = replace(others[2][0], in_place_of=others[1][0].id)
        named = {f"key:{others[0][0].id}": Budget(day=100, kind="soft")}
        one.served.gateway.source.current = replace(snapshot, keys={**snapshot.keys, **keys}, budgets=named)

        def until_refused(token):
            one.token = token
            for number in range(100):
                status, said = one.ask()
                if status != 200:
                    assert code(said) == "budget_exceeded"
                    return number, said["error"]["message"]
            return None

        served, said = until_refused(first)
        assert served > 0
        assert f"of the budget of key {next(iter(snapshot.keys))} for the day" in said
        again, _ = until_refused(others[1][1].reveal())
        assert again == served
        assert until_refused(others[2][1].reveal())[0] == 0
        # A soft cap is counted and crossed.
        one.token = others[0][1].reveal()
        assert [one.ask()[0] for _ in range(4)] == [200] * 4
        assert one.account(f"key:{others[0][0].id}", "day").settled == 4 * COST
        assert one.account("process:p").settled == (2 * served + 4) * COST


def test_what_a_thousand_keys_hold_is_told_to_the_ledger_only_where_there_is_news(tmp_path):
    with bench(tmp_path, Budget(month=USD), FINE, key_budget=Budget(day=USD)) as one:
        assert one.ask()[0] == 200
        one.account("process:p")
        budgets = one.served.gateway.budgets
        # Leases of keys that have nothing to tell, and a ledger that says what it is told.
        mine = next(lease for lease in budgets.leases if lease.budget.startswith("key:"))
        for number in range(1000):
            budgets._lease(f"key:{number:08}", Budget(day=USD), USD, mine.span)
        told = []
        real = budgets._holding.exchange
        budgets._holding.exchange = lambda asks: told.append(len(asks)) or real(asks)
        assert one.ask()[0] == 200
        one.account("process:p")
        assert max(told) < 10
