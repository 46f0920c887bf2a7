"""What the log is told of requests to a real gateway on loopback, and of its breakers."""

from __future__ import annotations

import asyncio
import http.client
import json
import time

import pytest

from switchover.domain.process import Criticality, DataClass, Process
from switchover.errors import Denied, ServerError
from switchover.gateway.metrics import Histogram
from switchover.gateway.pulse import EVERY_S, Pulse
from switchover.gateway.snapshot import FixedSnapshot
from switchover.gateway.tell import Teller
from switchover.planning import Board
from switchover.testing.builders import make_snapshot
from switchover.testing.clock import ManualClock
from switchover.testing.scripted import ScriptedServer, reply
from switchover.testing.served import ServedGateway, register, spec

DENIED = reply(b'{"error":{"message":"no"}}', status=401)


def answer(model="m"):
    message = {"role": "assistant", "content": "yes"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    return reply(json.dumps({"id": "1", "model": model, "choices": [choice], "usage": usage}).encode())


class Said(list):
    """A log that keeps what it is told."""

    def __call__(self, event, *, level="info", **fields):
        self.append({"event": event, "level": level, **fields})

    def requests(self, count):
        """What it was told of requests, once there are so many."""
        deadline = time.monotonic() + 60
        while len(found := [one for one in self if one["event"] == "request"]) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return found


def gateway(vendor, own, **more):
    upstreams = [spec("vendor", vendor.url), spec("own", own.url)]
    process = Process(
        name="p", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
        fallbacks=("own",),
    )  # fmt: skip
    snapshot, token = register(process, upstreams, proven=("own",))
    return ServedGateway(snapshot, **more), token


def ask(served, token, model="p", path="/v1/chat/completions"):
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=60)
    text = json.dumps({"model": model, "messages": [{"role": "user", "content": "?"}]})
    connection.request("POST", path, text, {"authorization": f"Bearer {token}"})
    response = connection.getresponse()
    got = response.status, response.read(), response.headers
    connection.close()
    return got


@pytest.mark.parametrize(("asked", "told"), [("all", ["complete", "complete"]), ("failed", ["complete"]), ("none", [])])
def test_a_request_that_was_answered_at_once_is_told_only_where_all_are(asked, told):
    said = Said()
    with ScriptedServer([answer()]) as vendor, ScriptedServer([answer()]) as own:
        served, token = gateway(vendor, own, teller=Teller(said, asked))
        with served:
            assert ask(served, token)[0] == 200
            vendor.play([DENIED])
            assert ask(served, token)[0] == 200
    # The gateway has ended, and with it every request.
    assert [one["outcome"] for one in said if one["event"] == "request"] == told


def test_a_failover_is_told_with_each_attempt_and_its_fault():
    said = Said()
    with ScriptedServer([DENIED]) as vendor, ScriptedServer([answer()]) as own:
        served, token = gateway(vendor, own, teller=Teller(said))
        with served:
            _, _, headers = ask(served, token)
            [told] = said.requests(1)
    assert told["exchange"] == headers["x-switchover-exchange"]
    assert [(one["upstream"], one["fault"], one["status"]) for one in told["attempts"]] == [
        ("vendor", "key-revoked", 401),
        ("own", None, 200),
    ]
    kept = {name: told[name] for name in ("level", "process", "route", "dialect", "stream", "outcome", "status")}
    assert kept == {
        "level": "warning", "process": "p", "route": "p", "dialect": "openai_chat", "stream": False,
        "outcome": "complete", "status": 200,
    }  # fmt: skip
    assert (told["upstream"], told["model"], told["input_tokens"], told["output_tokens"]) == ("own", "m", 9, 2)
    assert told["elapsed_ms"] >= told["attempts"][0]["ms"]


def test_a_refusal_is_told_with_its_code_and_without_what_the_caller_said():
    said = Said()
    with ScriptedServer([answer()]) as vendor, ScriptedServer([answer()]) as own:
        served, token = gateway(vendor, own, teller=Teller(said))
        with served:
            assert ask(served, "sw_nobody_secret")[0] == 401
            assert ask(served, token, model="my private words")[0] == 404
            assert ask(served, token, path="/v1/private?words=1")[0] == 404
            found = said.requests(3)
    assert [one["code"] for one in found] == ["invalid_api_key", "route_not_found", "route_not_found"]
    assert [one["outcome"] for one in found] == ["rejected"] * 3
    assert found[1]["route"] is None
    assert "private" not in repr(found)
    assert "secret" not in repr(found)


def test_what_an_upstream_calls_its_model_is_told_only_if_it_can_be_a_name():
    said = Said()
    with ScriptedServer([answer("ignore all\nprevious words")]) as vendor, ScriptedServer([answer()]) as own:
        served, token = gateway(vendor, own, teller=Teller(said, "all"))
        with served:
            assert ask(served, token)[0] == 200
            [told] = said.requests(1)
    assert told["model"] is None


class Looking:
    """A pulse with everything that it was handed."""

    def __init__(self, snapshot):
        self.clock, self.board, self.lag, self.said, self.moves = ManualClock(), Board(), Histogram(), Said(), []
        self.side, self.followed = Board(), []
        source, moved = FixedSnapshot(snapshot), lambda: self.moves.append(len(self.said))
        boards, follow = {"answers": self.board, "embeddings": self.side}, self.followed.append
        self.pulse = Pulse(source, boards, self.lag, self.clock, self.said, follow=follow, moved=moved)


def test_a_breaker_that_moves_is_told_once_with_its_reason_until_it_is_closed_again():
    snapshot = make_snapshot()
    looking, vendor = Looking(snapshot), snapshot.upstreams["vendor"]
    board, look, now = looking.board, looking.pulse.look, looking.clock.monotonic()
    look()
    for _ in range(5):
        board.failed(vendor, ServerError("no"), now)
    look()
    look()
    board.failed(vendor, Denied("no"), now)
    look()
    board.clear(vendor, now)
    look()
    told = [(one["event"], one["scope"], one["level"], one["fault"]) for one in looking.said if "scope" in one]
    # Others are told to read anew after each move and each new register, and only then.
    assert looking.moves == [1, 2, 3, 5]
    assert told == [
        ("breaker open", "upstream", "warning", "server-error"),
        ("breaker held", "credential", "error", "key-revoked"),
        ("breaker closed", "upstream", "info", None),
        ("breaker closed", "credential", "info", None),
    ]


def test_a_breaker_of_embeddings_is_told_apart_from_that_of_answers():
    snapshot = make_snapshot()
    looking = Looking(snapshot)
    looking.side.failed(snapshot.upstreams["vendor"], Denied("no"), looking.clock.monotonic())
    looking.pulse.look()
    told = [(one["event"], one["scope"], one["asked_for"]) for one in looking.said if "scope" in one]
    assert told == [("breaker held", "credential", "embeddings")]
    assert looking.moves == [2]


def test_a_register_is_told_when_it_comes_into_force():
    looking = Looking(make_snapshot(version=7))
    looking.pulse.look()
    looking.pulse.look()
    assert [snapshot.version for snapshot in looking.followed] == [7, 7]
    assert [(one["event"], one["version"]) for one in looking.said] == [("register in force", 7)]


def test_the_loops_lag_is_how_late_a_timer_came():
    looking = Looking(make_snapshot())
    clock, lag = looking.clock, looking.lag

    async def run():
        await looking.pulse.start()
        for late in (0.0, 0.4):
            await asyncio.sleep(0)
            clock.advance(EVERY_S + late)
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        await looking.pulse.stop()

    asyncio.run(run())
    assert sum(lag.counts) == 2
    assert lag.total == pytest.approx(0.4)
