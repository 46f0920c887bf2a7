"""A budget under `switchover up`: settled by its worker, by the keeper once that is killed, at its cap, and raised."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading

import openai
import pytest

from switchover.testing.scripted import HANG, ScriptedServer, reply
from switchover.wiring.budget import standings

ANSWER = {"id": "1", "model": "big-1", "usage": {"prompt_tokens": 20, "completion_tokens": 7}, "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]}  # fmt: skip
COST = 20 + 70
# Two calls reserved at once would not fit.
CAP = 5_000


def test_a_budget_holds_through_a_killed_worker_and_is_raised_in_place(alone):
    def script(number, seen):
        return [HANG] if b"for ever" in seen.body else [reply(json.dumps(ANSWER).encode())]

    def is_answered(text="?"):
        with alone.client(token) as client, contextlib.suppress(openai.InternalServerError):
            client.chat.completions.create(
                model="messages", max_tokens=100, messages=[{"role": "user", "content": text}]
            )
            return True
        # A disk that stands still may keep the ledger from answering in time.
        return False

    def ask(text="?"):
        alone.until(lambda: is_answered(text))

    def asked_on():
        while True:
            ask()

    def marks():
        return [line["percent"] for line in alone.logged("budget reached")]

    def stands():
        return standings(terms)[0]

    def told():
        return {json.loads(seen.body)["headline"] for seen in receiver.seen}

    with ScriptedServer(script) as vendor, ScriptedServer([reply(b"")]) as receiver:
        alone.write(process="    budget: {month: 0.005 USD}\n    key_budget: {month: 0.02 USD}")
        alone.env["HOOK"] = "a-secret-of-the-hook"
        alone.edit(
            "data: ./data", f'data: ./data\nalerts: {{webhooks: {{ops: {{url: "{receiver.url}", secret: env:HOOK}}}}}}'
        )
        alone.edit("http://127.0.0.1:9/v1", f"{vendor.url}/v1")
        alone.edit("host: acme}", 'host: acme, price: {input_mtok: "1", output_mtok: "10"}}')
        terms = alone.settings()
        alone.up("worker-0", "keeper")
        token = alone.key()
        ask()
        ask()
        alone.until(lambda: stands().settled == 2 * COST)

        def unanswered():
            with contextlib.suppress(openai.APIError):
                ask("for ever")

        caller = threading.Thread(target=unanswered)
        caller.start()
        alone.until(lambda: len(vendor.seen) == 3)
        killed = alone.children()["worker-0"]["pid"]
        os.kill(killed, signal.SIGKILL)
        caller.join(60)
        # What the killed worker had settled counts as it was, what it had reserved at its upper bound.
        bound = len(vendor.seen[2].body) + 1024 + 10 * 118 + 1
        alone.until(lambda: stands().unknown == bound)
        assert stands().settled == 2 * COST + bound
        alone.until(lambda: (now := alone.children()["worker-0"])["ready"] and now["pid"] != killed)
        with pytest.raises(openai.RateLimitError) as refused:
            asked_on()
        assert refused.value.code == "budget_exceeded"
        assert refused.value.response.headers["x-should-retry"] == "false"
        served = len(vendor.seen) - 1
        alone.until(lambda: stands().settled == served * COST + bound)
        assert stands().settled + stands().reserved <= CAP
        alone.until(lambda: marks() == [50])
        alone.until(lambda: len(told()) == 1)
        alone.edit("0.005 USD", "5 USD")

        def is_raised():
            with contextlib.suppress(openai.RateLimitError):
                return is_answered()

        alone.until(is_raised)
        alone.edit('price: {input_mtok: "1", output_mtok: "10"}', "price: {as: openai/gpt-nope}")
        alone.until(lambda: "no known price" in str(alone.keeper().get("configuration")))
        ask()
        assert alone.down() == 0
        assert stands().settled == (len(vendor.seen) - 1) * COST + bound
        assert stands().reserved == 0
        assert list(alone.data.glob("budget/*.lease")) == []
        key = next(one for one in standings(terms) if one.budget.startswith("key:"))
        assert key.settled == stands().settled
        assert all("used up" in said or "% reached" in said for said in told())
        assert "leases of a dead worker settled" in alone.log.read_text(encoding="utf-8")
