"""What the record is billed is what the budgets' ledger has settled, to the cent; and of who left early."""

from __future__ import annotations

import http.client
import io
import json
import random
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import openai

from switchover.costs.holding import LedgerHolding
from switchover.costs.metering import meter
from switchover.costs.tariffs import tariff
from switchover.domain.charge import Basis, Ending
from switchover.domain.process import Budget, Criticality, DataClass, Price, Process
from switchover.gateway import budget
from switchover.report import focus, focus_check
from switchover.store import Store
from switchover.store.indexing import save_exchanges
from switchover.store.ledger import Ledger
from switchover.store.spending import spend_rows
from switchover.testing.scripted import HANG, ScriptedServer, reply, stream
from switchover.testing.served import ServedGateway, register, spec

CALLS = 60
DAY = 86_400


def usage(number: int) -> dict[str, object]:
    rng = random.Random(number)
    read, wrote = rng.randrange(500, 90_000), rng.randrange(1, 4_000)
    return {
        "prompt_tokens": read, "completion_tokens": wrote,
        "prompt_tokens_details": {"cached_tokens": rng.randrange(read)},
    }  # fmt: skip


def answer(number: int, seen) -> list:
    """Whole or streamed as it is asked, with a usage of its own; one in five is turned down, which costs nothing."""
    if number % 5 == 0:
        return [reply(b'{"error": {"message": "no"}}', status=400)]
    if b'"stream":true' in seen.body.replace(b" ", b""):
        said = {
            "choices": [{"index": 0, "delta": {"content": "yes"}, "finish_reason": "stop"}],
            "model": "vendor-model",
        }
        told = {"choices": [], "usage": usage(number), "model": "vendor-model"}
        frames = [f"data: {json.dumps(one)}\n\n".encode() for one in (said, told)]
        return stream(*frames, b"data: [DONE]\n\n")
    said = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
    return [reply(json.dumps({"id": "1", "model": "vendor-model", "choices": [said], "usage": usage(number)}).encode())]


def priced(url: str):
    # The tier at 200,000 tokens is out of reach, the cached tokens have a price of their own.
    price = Price(priced_as="google/gemini-2.5-pro", discount="13", source="a test")
    asked = replace(spec("vendor", url), price=price)
    process = Process(
        name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
        budget=Budget(month=10**9),
    )  # fmt: skip
    snapshot, token = register(process, [asked])
    return replace(snapshot, tariffs={"vendor": tariff(asked, time.time())}), token, asked


def test_the_focus_file_of_what_was_served_sums_to_the_ledger_to_the_cent(tmp_path: Path, monkeypatch):
    # However slow the disk is.
    monkeypatch.setattr(budget, "WAIT_S", 30.0)
    ledger = Ledger.open(tmp_path, "sqlite://", busy_s=2)
    with ScriptedServer(answer) as vendor:
        snapshot, token, asked = priced(vendor.url)
        holding = lambda: LedgerHolding(ledger, str(tmp_path), "w0")  # noqa: E731  # a factory, as the gateway takes it
        with (
            ServedGateway(snapshot, budgets=holding) as served,
            openai.OpenAI(base_url=f"{served.url}/v1", api_key=token, max_retries=0) as client,
        ):
            for number in range(CALLS):
                try:
                    made = client.chat.completions.create(
                        model="p", messages=[{"role": "user", "content": "?"}], stream=number % 2 == 0,
                        max_tokens=4000,
                    )  # fmt: skip
                    _ = [*made] if number % 2 == 0 else None
                except openai.BadRequestError:
                    continue
        # Once it has stopped, all of it is recorded.
        exchanges = served.spool.exchanges
        assert len(exchanges) == CALLS
    found = Ledger.open(tmp_path, "sqlite://", busy_s=2)
    # More than one where a month ends meanwhile.
    accounts = [one for one in found.accounts() if one.budget == "process:p" and len(one.period) == 7]
    found.close()
    known = {"vendor": asked}
    with Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}") as store:
        save_exchanges(store, exchanges, lambda exchange: meter(exchange, known))
        to = io.StringIO()
        begin, end = (datetime.fromtimestamp(time.time() + days * DAY, UTC) for days in (-2, 2))
        rows = spend_rows(store, begin.timestamp(), end.timestamp(), focus.BY)
        written = focus.write(rows, begin, end, to)
    to.seek(0)
    checked = focus_check.check(to)
    assert checked.wrong == []
    settled = sum(one.settled for one in accounts)
    assert sum(one.unknown for one in accounts) == 0
    assert settled > 500_000
    cents = Decimal(settled) / 1_000_000
    print(f"ledger {cents} USD, FOCUS {written.total} USD, {written.rows} rows")
    # The ledger rounds each call up to the millionth of a dollar.
    assert 0 <= cents - written.total <= Decimal(CALLS) / 1_000_000
    assert round(cents, 2) == round(checked.total, 2) == round(written.total, 2)


def test_a_caller_who_leaves_before_the_first_word_is_metered_with_what_was_asked():
    with ScriptedServer([HANG]) as vendor:
        snapshot, token, asked = priced(vendor.url)
        with ServedGateway(replace(snapshot, tariffs={})) as served:
            process = replace(snapshot.processes["p"], budget=None)
            served.source.current = replace(snapshot, processes={"p": process}, tariffs={})
            connection = http.client.HTTPConnection(served.url.removeprefix("http://"))
            body = json.dumps({"model": "p", "stream": True, "messages": [{"role": "user", "content": "word " * 200}]})
            connection.request("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {token}"})
            end = time.monotonic() + 60
            while not vendor.seen and time.monotonic() < end:
                time.sleep(0.01)
            connection.close()
            while not served.spool.exchanges and time.monotonic() < end:
                time.sleep(0.01)
            (exchange,) = served.spool.exchanges
    (charge,) = meter(exchange, {"vendor": asked}).charges
    assert (charge.ending, charge.basis) == (Ending.ABANDONED, Basis.ESTIMATED)
    assert charge.tokens[0] > 200
