"""The keeper's child rehearses what is due: killed, stopped and started again, it goes on where it was."""

from __future__ import annotations

import os
import signal
import time

import pytest

from switchover.domain.candidate import State
from switchover.domain.watching import DueOrder, OrderState, Why
from switchover.store.due_orders import due_orders, open_order
from switchover.store.indexing import save_exchanges
from switchover.store.proofs import verdicts
from switchover.testing.builders import make_exchange
from switchover.testing.fake_vendor import FakeVendor
from switchover.testing.inbox import DESKS, messages
from switchover.wiring.due_run import work

SECOND = '  second: {{kind: openai, base_url: "{url}/v1", key: env:SECOND_KEY, model: big-2, developer: b, host: b}}'
HOMES = "providers: {acme: {home: US}}", "providers: {acme: {home: US}, b: {home: DE}}"
TERMS = f"    fallbacks: [second]\n    rehearse: {{grader: label, margin: 0.10, labels: [{', '.join(DESKS)}]}}\n"


ORDER = DueOrder.of("messages", "second", Why.CHANGED, about="a test", said="a test", now=1.0, replays=36)


def record():
    begun = time.time() - 5000
    return [
        make_exchange(one.text, one.desk, process="messages", route="messages", started_at=begun + number)
        for number, one in enumerate(messages()[::8][:200])
    ]


@pytest.mark.skipif(not os.environ.get("WATCHED"), reason="half a minute of one core: `make watched`")
def test_a_killed_runner_loses_nothing_and_a_stopped_one_leaves_its_order_for_later(stage, monkeypatch):
    answers = {message.text: message.desk for message in messages()}
    with FakeVendor(answers, key="second", latency=0.4) as second, FakeVendor(answers) as first:
        stage.vendor = first
        stage.env |= {"SECOND_KEY": "second"}
        stage.write(upstreams=SECOND.format(url=second.url), process=TERMS)
        stage.edit(*HOMES)
        with stage.store() as store:
            save_exchanges(store, record())
            assert open_order(store, ORDER)
            stage.up()

            def order():
                time.sleep(0.2)
                return next(iter(due_orders(store)))

            stage.until(lambda: order().calls >= 8)
            found = order()
            os.kill(int(found.taken_by.rpartition(":")[2].rstrip(".")), signal.SIGKILL)
            stage.until(lambda: order().tries == 2 and order().calls >= found.calls + 8)
            assert stage.down() == 0
            assert (order().state, order().taken_by, order().tries) == (OrderState.OPEN, None, 1)
            assert "Traceback" not in stage.log.read_text()
            left = order().calls
            assert left < ORDER.replays

            for name in ("VENDOR_KEY", "SECOND_KEY"):
                monkeypatch.setenv(name, stage.env[name])
            before = signal.getsignal(signal.SIGTERM)
            work(str(stage.config))
            signal.signal(signal.SIGTERM, before)
            assert (order().state, order().calls >= ORDER.replays) == (OrderState.DONE, True)
            assert next(one.state for one in verdicts(store)) is State.READY
            # What a round had of answers when its runner was killed or stopped is saved and not counted; two more were
            # under way. Nothing else was asked twice.
            assert order().calls <= sum(second.served.values()) <= order().calls + 2 * (8 + 2)
