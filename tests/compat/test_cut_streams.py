"""A stream cut at any byte: a caller never takes what came for complete."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import anthropic
import openai
import pytest

from switchover.domain.process import Criticality, DataClass, Process
from switchover.testing.scripted import ScriptedServer, stream
from switchover.testing.served import ServedGateway, register, spec

RECORDINGS = Path(__file__).parents[1] / "recordings"
WHOLE = {
    (kind, what): (RECORDINGS / f"{kind}_{what}.sse").read_bytes()
    for kind in ("openai", "anthropic")
    for what in ("text", "tools")
}
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
BODY = json.dumps({"model": "claims", "stream": True, "max_tokens": 50, "messages": [{"role": "user", "content": "?"}]})


def gateway_for(url, kind):
    process = Process(
        name="claims", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor"
    )
    snapshot, token = register(process, [spec("vendor", url, kind)])
    return ServedGateway(snapshot), token


def cut_at(place, whole, hard):
    """The first bytes, then a clean end of the body, or the connection gone in the middle of it."""
    return [*stream(whole[:place], end=False), "close"] if hard else stream(whole[:place])


def asked(connection, caller, token):
    connection.request("POST", PATHS[caller], BODY, {"authorization": f"Bearer {token}"})
    response = connection.getresponse()
    return response.status, response.read()


def claims_to_be_whole(caller, body):
    """As the SDKs judge: the terminal event came and no error frame did."""
    lines = body.splitlines()
    if caller == "anthropic":
        return b"event: error" not in lines and b"event: message_stop" in lines
    chunks = [json.loads(line[6:]) for line in lines if line.startswith(b"data: {")]
    ended = any(choice.get("finish_reason") for chunk in chunks for choice in chunk.get("choices", []))
    return ended and not any("error" in chunk for chunk in chunks)


@pytest.mark.parametrize("caller", ["openai", "anthropic"])
@pytest.mark.parametrize(("kind", "what"), WHOLE)
def test_cut_at_every_byte_it_is_whole_or_says_that_it_is_not(kind, what, caller):
    whole = WHOLE[kind, what]
    script = []
    with ScriptedServer(lambda number, seen: script[0]) as vendor:
        served, token = gateway_for(vendor.url, kind)
        with served:
            connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=10)
            script[:] = [stream(whole)]
            status, complete = asked(connection, caller, token)
            assert status == 200
            assert claims_to_be_whole(caller, complete)
            taken_for_whole = []
            for place in range(0, len(whole), 1 if (kind, what) == (caller, "text") else 37):
                # The whole answer shows the breaker that the upstream is well, so that each cut is really tried.
                served.gateway.failover.board.clear(served.source.current.upstreams["vendor"], 0.0)
                script[:] = [cut_at(place, whole, hard=place % 2 == 0)]
                status, body = asked(connection, caller, token)
                if status == 200 and claims_to_be_whole(caller, body):
                    taken_for_whole.append(place)
                    assert told(caller, body) == told(caller, complete)
            connection.close()
    # Only what follows the last event that matters may be missing without harm.
    assert len(taken_for_whole) < len(whole) / 4


def told(caller, body):
    """Text and tool arguments of a stream."""
    from switchover.dialects.across import text_of_answer

    dialect = "openai_chat" if caller == "openai" else "anthropic_messages"
    lines = [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: {")]
    arguments = [
        call["function"].get("arguments", "")
        for line in lines
        for choice in line.get("choices", [])
        for call in choice.get("delta", {}).get("tool_calls") or []
    ] + [line["delta"].get("partial_json", "") for line in lines if line.get("type") == "content_block_delta"]
    return text_of_answer(dialect, True, body), "".join(arguments)


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_the_official_clients_raise_on_a_sample_of_cuts(kind):
    whole = WHOLE[kind, "text"]
    places = [len(whole) * n // 7 for n in range(1, 6)]
    script = []
    with ScriptedServer(lambda number, seen: script[0]) as vendor:
        served, token = gateway_for(vendor.url, kind)
        with (
            served,
            openai.OpenAI(base_url=f"{served.url}/v1", api_key=token, max_retries=0) as chat,
            anthropic.Anthropic(base_url=served.url, api_key=token, max_retries=0) as messages,
        ):
            say = [{"role": "user", "content": "?"}]
            for place in places:
                served.gateway.failover.board.clear(served.source.current.upstreams["vendor"], 0.0)
                script[:] = [cut_at(place, whole, hard=place % 2 == 0)]
                with pytest.raises(openai.APIError):
                    list(chat.chat.completions.create(model="claims", messages=say, stream=True))
                with (
                    pytest.raises(anthropic.APIError),
                    messages.messages.stream(model="claims", messages=say, max_tokens=50) as events,
                ):
                    events.get_final_message()
