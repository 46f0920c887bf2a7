"""An upstream that goes away for a minute and comes back: who serves, what the dead one sees, when it is back.

Nobody waits: the clock is put on by what passes between two requests; sockets, gateway and breakers are the real ones.
"""

from __future__ import annotations

import json

import openai
import pytest

from switchover.clock import SystemClock
from switchover.domain.exchange import Outcome
from switchover.domain.process import Criticality, DataClass, Process
from switchover.testing.scripted import RESET, ScriptedServer, reply
from switchover.testing.served import ServedGateway, register, spec

OUTAGE_S, REQUESTS, BACK_S = 60, 20, 45
# Five failures in a row, and probes after 10, 20 and 30 s; one of each may have been tried twice.
MOST_SEEN = 8
OVERLOADED = reply(b'{"error":{"message":"overloaded","type":"overloaded_error"}}', status=529)


class PutOn(SystemClock):
    """The machine's clock, and so many seconds more."""

    seconds = 0.0

    def monotonic(self):
        return super().monotonic() + self.seconds


def answer(text):
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return [reply(json.dumps({"id": "1", "model": text, "choices": [choice]}).encode())]


@pytest.mark.parametrize("fault", [[OVERLOADED], [RESET]], ids=["overloaded", "reset"])
def test_a_flap_costs_no_caller_an_answer(fault, capsys):
    with ScriptedServer(answer("vendor")) as vendor, ScriptedServer(answer("own")) as own:
        process = Process(
            name="p",
            owner="o",
            criticality=Criticality.CRITICAL,
            data=DataClass.INTERNAL,
            baseline="vendor",
            fallbacks=("own",),
        )
        snapshot, token = register(process, [spec("vendor", vendor.url), spec("own", own.url)], proven=("own",))
        clock = PutOn()
        with (
            ServedGateway(snapshot, clock=clock) as served,
            openai.OpenAI(base_url=f"{served.url}/v1", api_key=token, max_retries=0) as client,
        ):

            def ask():
                said = client.chat.completions.create(model="p", messages=[{"role": "user", "content": "?"}])
                return said.choices[0].message.content

            for _ in range(REQUESTS):
                assert ask() == "vendor"
            vendor.play(fault)
            served_by = []
            for _ in range(REQUESTS):
                served_by.append(ask())
                clock.seconds += OUTAGE_S / REQUESTS
            seen = len(vendor.seen)
            vendor.play(answer("vendor"))
            returned = 0
            while ask() != "vendor":
                assert returned < BACK_S, "traffic did not return"
                clock.seconds += 1
                returned += 1
        outcomes = {exchange.outcome for exchange in served.spool.exchanges}
    assert served_by == ["own"] * REQUESTS
    assert outcomes == {Outcome.COMPLETE}
    with capsys.disabled():
        print(f"\nflap: the dead upstream saw {seen} of {REQUESTS} requests' calls, back after {returned} s")
    assert seen <= MOST_SEEN
