"""The keeper's child rehearses what is due: killed, stopped and started again, it goes on where it was."""

from __future__ import annotations

import os
import signal
import time

from switchover.domain.watching import DueOrder, OrderState, Why
from switchover.store.due_orders import due_orders, open_order
from switchover.store.indexing import save_exchanges
from switchover.testing.builders import make_exchange
from switchover.testing.fake_vendor import FakeVendor
from switchover.testing.inbox import DESKS, messages

SECOND = '  second: {{kind: openai, base_url: "{url}/v1", key: env:SECOND_KEY, model: big-2, developer: b, host: b}}'
HOMES = "providers: {acme: {home: US}}", "providers: {acme: {home: US}, b: {home: DE}}"
TERMS = f"    fallbacks: [second]\n    rehearse: {{grader: label, margin: 0.10, labels: [{', '.join(DESKS)}]}}\n"


def leave(stage, about, replays):
    order = DueOrder.of(
        "messages", "second", Why.CHANGED, about=about, said="a test", now=time.time(), replays=replays
    )  # fmt: skip
    with stage.store() as store:
        assert open_order(store, order)
    return order.id


def test_a_killed_runner_loses_nothing_and_a_stopped_one_leaves_its_order_for_later(stage):
    answers = {message.text: message.desk for message in messages()}
    with FakeVendor(answers, key="second", latency=0.15) as second, FakeVendor(answers) as first:
        stage.vendor = first
        stage.env |= {"SECOND_KEY": "second"}
        stage.write(upstreams=SECOND.format(url=second.url), process=TERMS)
        stage.edit(*HOMES)
        begun = time.time() - 5000
        with stage.store() as store:
            save_exchanges(
                store,
                [
                    make_exchange(one.text, one.desk, process="messages", route="messages", started_at=begun + number)
                    for number, one in enumerate(messages()[::6][:240])
                ],
            )
        asked = lambda: sum(second.served.values())  # noqa: E731  # whatever became of the calls
        name = leave(stage, "first", replays=56)
        stage.up()
        with stage.store() as store:

            def order():
                time.sleep(0.2)
                return next(one for one in due_orders(store) if one.id == name)

            stage.until(lambda: order().calls >= 8, 40)
            found = order()
            os.kill(int(found.taken_by.rpartition(":")[2].rstrip(".")), signal.SIGKILL)
            assert found.state is OrderState.TAKEN
            stage.until(lambda: order().state is OrderState.DONE, 40)
            # What a round had of answers when it was killed is saved, and not counted yet.
            assert (order().tries, 56 - 8 <= order().calls <= 56) == (2, True)
            # Two were under way.
            assert asked() <= 56 + 8 + 2
            assert [row["state"] for row in stage.told("verdicts")] == ["READY"]

            name = leave(stage, "second", replays=56)
            stage.until(lambda: order().calls >= 8, 40)
            begun = time.monotonic()
            assert stage.down() == 0
            assert time.monotonic() - begun < 15
            assert (order().state, order().taken_by, order().tries) == (OrderState.OPEN, None, 0)
        assert "watch stopped" in stage.log.read_text()
        [found] = [one for one in stage.told("watch", "status")["orders"] if one["order"]["id"] == name]
        assert (found["replays"] > 0, found["waits"]) == (True, "")
    assert "Traceback" not in stage.log.read_text()
