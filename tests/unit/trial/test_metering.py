"""What trials cost is entered as live calls are: each try, with its purpose, estimated where nobody told."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from switchover.domain.candidate import PromptKind, PromptVersion
from switchover.domain.charge import JUDGE, REHEARSAL, Ending
from switchover.domain.exchange import Length, Usage
from switchover.domain.process import Price
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.errors import StoreUnavailable
from switchover.store import Store
from switchover.store.spending import spend_rows
from switchover.testing.builders import make_process, make_upstream
from switchover.testing.clock import FastClock, ManualClock
from switchover.testing.scripted import ScriptedServer, reply
from switchover.testing.served import spec
from switchover.trial.ask import asker
from switchover.trial.metering import Meter
from switchover.upstreams import UPSTREAMS

PROCESS = make_process("messages")
PRICE = Price(input_mtok="2", output_mtok="10")
SPEC = make_upstream(price=PRICE)
REQUEST = {"model": "p", "messages": [{"role": "user", "content": "When is my parcel here?"}]}


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as opened:
        yield opened


def rows(store, *by):
    return [dict(row) for row in spend_rows(store, 0.0, 1e12, by)]


def test_each_try_is_entered_with_its_purpose_and_at_its_price(store):
    meter = Meter(store, ManualClock(1_793_491_200.0))
    account = meter.account(PROCESS, SPEC, REHEARSAL)
    account.begin(1, 1).ended(Usage(input=1_000_000, output=100_000), Length(asked=9), Ending.ANSWERED)
    meter.account(PROCESS, SPEC, JUDGE).begin(1, 1).ended(
        Usage(input=500_000, output=0), Length(asked=9), Ending.FAILED
    )
    assert rows(store, "purpose") == []
    meter.save()
    found = {(row["purpose"], row["ending"]): row["listed"] for row in rows(store, "purpose", "ending")}
    assert found == {(REHEARSAL, "answered"): 3 * 10**9, (JUDGE, "failed"): 10**9}
    meter.save()
    assert sum(row["calls"] for row in rows(store, "purpose")) == 2


@pytest.mark.parametrize("told", [None, Usage()])
def test_what_nobody_told_is_estimated_and_marked_never_nothing(store, told):
    meter = Meter(store, ManualClock(1_793_491_200.0))
    meter.account(PROCESS, SPEC, REHEARSAL).begin(1, 1).ended(told, Length(asked=4_000, said=400), Ending.ABANDONED)
    meter.save()
    (row,) = rows(store, "basis", "ending")
    assert (row["basis"], row["ending"]) == ("estimated", "abandoned")
    assert row["input_tokens"] >= 1000
    assert row["listed"] > 0


def test_it_is_saved_a_second_later_and_kept_while_the_store_is_away(store, monkeypatch):
    clock = ManualClock(1_793_491_200.0)
    meter = Meter(store, clock)
    account = meter.account(PROCESS, SPEC, REHEARSAL)

    def away():
        raise StoreUnavailable("away", mend="wait")

    account.begin(1, 1).ended(Usage(input=10, output=1), Length(asked=9), Ending.ANSWERED)
    clock.advance(2)
    with monkeypatch.context() as patched:
        patched.setattr(type(store), "write", lambda self: away())
        account.begin(1, 1).ended(Usage(input=10, output=1), Length(asked=9), Ending.ANSWERED)
        with pytest.raises(StoreUnavailable):
            meter.save()
    clock.advance(2)
    account.begin(1, 1).ended(Usage(input=10, output=1), Length(asked=9), Ending.ANSWERED)
    assert [row["calls"] for row in rows(store, "purpose")] == [3]


ANSWER = reply(
    b'{"choices": [{"message": {"role": "assistant", "content": "Tomorrow."}, "finish_reason": "stop"}],'
    b' "usage": {"prompt_tokens": 12, "completion_tokens": 2}}'
)


@pytest.mark.parametrize(
    ("scripts", "wanted"),
    [
        ([[ANSWER]], {"answered": 1}),
        ([[reply(b"{}", status=529)], [ANSWER]], {"answered": 1}),
        ([[ANSWER[:-40], "close"], [ANSWER]], {"failed": 1, "answered": 1}),
        ([["hang"]], {"abandoned": 1}),
    ],
)
def test_what_was_begun_is_billed_and_what_was_turned_down_is_not(store, scripts, wanted):
    async def main(server):
        client, clock = Client(FastClock(1_793_491_200.0)), FastClock(1_793_491_200.0)
        meter = Meter(store, clock)
        vendor = spec("vendor", server.url, "openai", price=PRICE)
        version = PromptVersion.make(process="messages", upstream="vendor", kind=PromptKind.AS_IS)
        upstream = UPSTREAMS["openai"](vendor, vendor.base_url, Secret("k"), client)
        account = meter.account(PROCESS, vendor, REHEARSAL)
        ask = asker(upstream, version, None, clock, tries=2, spec=vendor, account=account)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5 if scripts == [["hang"]] else 20):
                    await ask(REQUEST)
        finally:
            await client.close()
        meter.save()

    with ScriptedServer(lambda number, seen: scripts[number]) as server:
        asyncio.run(main(server))
    found = rows(store, "ending")
    assert {row["ending"]: row["calls"] for row in found} == wanted
    assert all(row["listed"] > 0 for row in found)


def test_an_answer_whose_usage_nobody_told_is_not_lost_where_the_store_is_away(store, monkeypatch):
    """What it cost is then estimated by what holds for every model."""
    meter = Meter(store, ManualClock(1_793_491_200.0))
    account = meter.account(PROCESS, SPEC, REHEARSAL)

    def away(self):
        raise StoreUnavailable("away", mend="wait")

    with monkeypatch.context() as patched:
        patched.setattr(type(store), "read", away)
        account.begin(1, 1).ended(None, Length(asked=4_000, said=400), Ending.ANSWERED)
        account.begin(1, 1).ended(None, Length(asked=4_000), Ending.ABANDONED)
    meter.save()
    found = {row["ending"]: (row["calls"], row["listed"] > 0) for row in rows(store, "ending")}
    assert found == {"answered": (1, True), "abandoned": (1, True)}
