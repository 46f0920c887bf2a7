"""One upstream asked itself, by what it sends back."""

from __future__ import annotations

import asyncio
import json

import pytest

from switchover.clock import SystemClock
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.errors import UpstreamError
from switchover.probes.models_list import Listed, ask_models, day_of
from switchover.probes.replacement import probe_upstream
from switchover.testing.scripted import RESET, ScriptedServer, reply, stream
from switchover.testing.served import spec
from switchover.upstreams import UPSTREAMS

CLOCK = SystemClock()


def chunk(text, model="b-model", finish=None):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c", "model": model, "choices": [choice]}).encode() + b"\n\n"


GOOD = stream(chunk("ready"), chunk("", finish="stop"), b"data: [DONE]\n\n")
WHOLE = reply(json.dumps({"choices": [{"message": {"content": "ready"}, "finish_reason": "stop"}]}).encode())


def failing(status, code, message=""):
    return [reply(json.dumps({"error": {"code": code, "message": message}}).encode(), status=status)]


def probed(script, *, tools=False, **changes):
    async def ask():
        client = Client(CLOCK)
        upstream = UPSTREAMS["openai"](one, one.base_url, Secret("the-key"), client)
        try:
            return await probe_upstream(upstream, one, CLOCK, tools=tools, bill=lambda *told: None)
        finally:
            await client.close()

    with ScriptedServer(script) as server:
        one = spec("b", server.url, **changes)
        found = asyncio.run(ask())
        return found, list(server.seen)


def test_a_good_one_says_how_long_its_first_word_took_and_is_asked_nothing_of_anybodys():
    found, [seen] = probed(GOOD)
    assert (found.failed, found.fault, found.suspends) == (None, None, False)
    assert 0 < found.first_ms < 10_000
    assert seen.headers["authorization"] == "Bearer the-key"
    asked = json.loads(seen.body)
    assert (asked["stream"], asked["model"], len(asked["messages"])) == (True, "b-model", 1)
    # A limit would be spent by a model that thinks first.
    assert "max_tokens" not in asked


@pytest.mark.parametrize(
    ("script", "failed", "suspends"),
    [
        (failing(401, "invalid_api_key"), "key", True),
        (failing(403, "permission_denied"), "key", True),
        (failing(429, "insufficient_quota"), "key", True),
        (failing(404, "model_not_found"), "model", True),
        (failing(403, "x", "not available in your country"), "refused", True),
        (failing(451, "x"), "refused", True),
        (stream(chunk("ready", "gpt-4o"), chunk("", "gpt-4o", "stop"), b"data: [DONE]\n\n"), "model", True),
        (failing(429, "rate_limit"), "reach", False),
        (failing(500, "x"), "reach", False),
        (failing(529, "x"), "reach", False),
        ([RESET], "reach", False),
        (stream(chunk("rea")), "stream", False),
        (stream(chunk("rea"), b"data: {broken\n\n"), "stream", False),
        (failing(400, "unsupported"), "answer", False),
    ],
)  # fmt: skip
def test_what_it_fails_in_is_told_in_a_word_and_only_what_no_later_try_would_mend_suspends(script, failed, suspends):
    found, _ = probed(script, model="gpt-5")
    assert (found.failed, found.suspends) == (failed, suspends)
    assert found.fault


def test_a_provider_that_answers_with_the_key_does_not_get_it_into_what_is_kept():
    found, _ = probed(failing(400, "x", "Bearer the-key is no way to ask sk-abcdef123456"))
    assert "the-key" not in found.said
    assert "sk-abcdef123456" not in found.said


def test_tools_are_offered_where_they_are_used_and_one_that_takes_none_is_told():
    found, seen = probed(lambda number, _: GOOD if number == 0 else [WHOLE], tools=True)
    assert found.failed is None
    assert json.loads(seen[1].body)["tools"][0]["function"]["name"] == "report"
    found, _ = probed(lambda number, _: GOOD if number == 0 else failing(400, "tools are not supported"), tools=True)
    assert (found.failed, found.suspends, found.first_ms is not None) == ("tools", False, True)


def listed(script, model="b-model"):
    async def ask():
        client = Client(CLOCK)
        try:
            return await ask_models(spec("b", server.url, model=model), None, client)
        finally:
            await client.close()

    with ScriptedServer(script) as server:
        return asyncio.run(ask())


def models(*rows):
    return [reply(json.dumps({"object": "list", "data": list(rows)}).encode())]


def test_a_list_tells_when_its_model_is_shut_down_and_how_much_it_reads():
    found = listed(models({"id": "other"}, {"id": "b-model", "shutdown_date": "2027-01-14", "max_model_len": 8192}))
    assert isinstance(found, Listed)
    assert (found.gone, found.context) == ("2027-01-14", 8192)
    assert found.source.startswith("GET http://127.0.0.1:")
    assert found.source.endswith("/v1/models")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data": 5}', b'{"data": [5]}', b"<html>", b"[" * 100_000])
def test_a_list_that_is_none_tells_nothing(body):
    assert listed([reply(body)]) is None


def test_a_list_that_is_refused_is_an_error():
    with pytest.raises(UpstreamError):
        listed(failing(401, "invalid_api_key"))


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2027-01-14", "2027-01-14"), ("2027-01-14T00:00:00Z", "2027-01-14"), (1_800_000_000, "2027-01-15"),
        (None, None), ("soon", None), (True, None), (-1, None), (1e300, None), ({}, None),
    ],
)  # fmt: skip
def test_a_day_is_read_in_each_way_that_providers_write_it(value, day):
    assert day_of(value) == day
