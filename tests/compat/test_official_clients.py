"""Unmodified official SDKs through a real server on loopback, against a scripted upstream."""

from __future__ import annotations

import json
import time
from pathlib import Path

import anthropic
import openai
import pytest

from switchover.domain.exchange import Outcome
from switchover.domain.process import Criticality, DataClass, Process
from switchover.testing.scripted import ScriptedServer, reply, stream
from switchover.testing.served import ServedGateway, register, spec

RECORDINGS = Path(__file__).parents[1] / "recordings"
OPENAI_ANSWER = json.dumps({
    "id": "c1", "object": "chat.completion", "created": 1, "model": "real-model",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "forty-two"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}).encode()  # fmt: skip
OPENAI_TOOL = json.dumps({
    "id": "c1", "object": "chat.completion", "created": 1, "model": "real-model",
    "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": None, "tool_calls": [
        {"id": "t1", "type": "function", "function": {"name": "look", "arguments": "{\"at\": \"moon\"}"}}]}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}).encode()  # fmt: skip
ANTHROPIC_ANSWER = json.dumps({
    "id": "m1", "type": "message", "role": "assistant", "model": "real-model", "stop_reason": "end_turn",
    "stop_sequence": None, "content": [{"type": "text", "text": "forty-two"}],
    "usage": {"input_tokens": 3, "output_tokens": 2},
}).encode()  # fmt: skip
ANTHROPIC_TOOL = json.dumps({
    "id": "m1", "type": "message", "role": "assistant", "model": "real-model", "stop_reason": "tool_use",
    "stop_sequence": None, "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "moon"}}],
    "usage": {"input_tokens": 3, "output_tokens": 2},
}).encode()  # fmt: skip
ANSWERS = {"openai": (OPENAI_ANSWER, OPENAI_TOOL), "anthropic": (ANTHROPIC_ANSWER, ANTHROPIC_TOOL)}
TOOL = {
    "name": "look",
    "description": "looks",
    "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
}
SAY = [{"role": "user", "content": "what is it?"}]


def recorded(kind: str, name: str) -> bytes:
    return (RECORDINGS / f"{kind}_{name}.sse").read_bytes()


def process(**more):
    fields = {"name": "claims", "owner": "o", "criticality": Criticality.CRITICAL, "data": DataClass.INTERNAL,
              "baseline": "vendor", "routes": ("claims",)}  # fmt: skip
    return Process(**{**fields, **more})


def serve(vendor_url, kind="openai", *, own_url=None, own_kind="openai", proven=("own",), **more):
    upstreams = [spec("vendor", vendor_url, kind)]
    if own_url:
        upstreams.append(spec("own", own_url, own_kind))
        more = {"fallbacks": ("own",), **more}
    snapshot, token = register(process(**more), upstreams, proven=proven if own_url else ())
    return ServedGateway(snapshot), token


def ask_openai(gateway, token, **more):
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=token) as client:
        return client.chat.completions.create(model="claims", messages=SAY, **more)


def ask_anthropic(gateway, token, **more):
    with anthropic.Anthropic(base_url=gateway.url, api_key=token) as client:
        return client.messages.create(model="claims", messages=SAY, max_tokens=50, **more)


def streamed_openai(gateway, token, **more):
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=token) as client:
        chunks = list(client.chat.completions.create(model="claims", messages=SAY, stream=True, **more))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    return text, chunks, [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]


def streamed_anthropic(gateway, token, **more):
    with (
        anthropic.Anthropic(base_url=gateway.url, api_key=token) as client,
        client.messages.stream(model="claims", messages=SAY, max_tokens=50, **more) as events,
    ):
        return events.get_final_message()


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_both_clients_get_the_answer_of_either_kind_of_upstream(kind):
    with ScriptedServer([reply(ANSWERS[kind][0])]) as vendor:
        served, token = serve(vendor.url, kind)
        with served:
            chat = ask_openai(served, token)
            message = ask_anthropic(served, token)
    assert chat.choices[0].message.content == message.content[0].text == "forty-two"
    assert chat.model == message.model == "real-model"
    assert chat.usage.completion_tokens == message.usage.output_tokens == 2
    assert [e.outcome for e in served.spool.exchanges] == [Outcome.COMPLETE] * 2
    assert served.spool.exchanges[0].usage.output == 2


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_tools_pass_through_either_kind_of_upstream(kind):
    with ScriptedServer([reply(ANSWERS[kind][1])]) as vendor:
        served, token = serve(vendor.url, kind)
        with served:
            chat = ask_openai(served, token, tools=[{"type": "function", "function": TOOL}])
            tool = {"name": "look", "description": "looks", "input_schema": TOOL["parameters"]}
            message = ask_anthropic(served, token, tools=[tool])
        bodies = [json.loads(seen.body) for seen in vendor.seen]
    call = chat.choices[0].message.tool_calls[0].function
    assert (call.name, json.loads(call.arguments)) == ("look", {"at": "moon"})
    assert (message.content[0].name, message.content[0].input) == ("look", {"at": "moon"})
    assert message.stop_reason == "tool_use"
    assert all(body["model"] == "vendor-model" and body["tools"] for body in bodies)


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
@pytest.mark.parametrize("what", ["text", "tools"])
def test_streams_of_either_kind_reach_both_clients_whole(kind, what):
    with ScriptedServer(stream(recorded(kind, what))) as vendor:
        served, token = serve(vendor.url, kind)
        with served:
            text, chunks, reasons = streamed_openai(served, token)
            message = streamed_anthropic(served, token)
    assert len(reasons) == 1
    said = "".join(block.text for block in message.content if block.type == "text")
    assert text == said
    tools = [block for block in message.content if block.type == "tool_use"]
    named = [
        t.function.name for c in chunks if c.choices for t in c.choices[0].delta.tool_calls or [] if t.function.name
    ]
    assert named == [tool.name for tool in tools]
    assert bool(tools) == (what == "tools")
    assert text or tools


def test_same_dialect_bytes_are_passed_on_unchanged_but_for_the_model():
    body = b'{"model":"claims","messages":[{"role":"user","content":"h\\u00e9"}],"seed":7,"odd_field":{"a":[1,2.50]}}'
    with ScriptedServer([reply(OPENAI_ANSWER)]) as vendor:
        served, token = serve(vendor.url)
        with served:
            got = raw(served.url, "/v1/chat/completions", token, body)
        sent = vendor.seen[0]
    assert sent.body == body.replace(b'"claims"', b'"vendor-model"')
    assert got[1] == OPENAI_ANSWER
    assert sent.headers["authorization"] == "Bearer upstream-secret"
    assert token not in str(sent.headers)


FAILURES = {
    "401": [reply(b'{"error":{"message":"bad key sk-abcdef123","code":"invalid_api_key"}}', status=401)],
    "404": [reply(b'{"error":{"message":"gone","code":"model_not_found"}}', status=404)],
    "529": [reply(b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', status=529)],
    "html": [reply(b"<html>bad gateway</html>", status=502, kind="text/html")],
    "reset": ["reset"],
    "redirect": [reply(b"", status=307, more="location: http://127.0.0.1:1/\r\n")],
    "region": [reply(b'{"error":{"message":"Country, region, or territory not supported"}}', status=403)],
    "slow": ["hang"],
}
IN_STREAM = {
    "error-first": stream(b'data: {"error":{"message":"Overloaded","type":"overloaded_error"}}\n\n'),
    "json": [reply(OPENAI_ANSWER)],
    "empty": stream(b"data: [DONE]\n\n"),
    "cut-before-content": [*stream(b'data: {"id":"1","choices":[]}\n\n', end=False), "close"],
    "slow-first-token": [*stream(b": ping\n\n", end=False), "hang"],
}


@pytest.mark.parametrize("fault", FAILURES)
def test_a_failure_before_the_commit_point_is_not_seen_by_the_caller(fault):
    with ScriptedServer(FAILURES[fault]) as vendor, ScriptedServer([reply(ANTHROPIC_ANSWER)]) as own:
        served, token = serve(vendor.url, own_url=own.url, own_kind="anthropic", first_content_timeout=0.2)
        with served:
            assert ask_openai(served, token).choices[0].message.content == "forty-two"
    exchange = served.spool.exchanges[0]
    assert exchange.upstream == "own"
    assert exchange.attempts[0].fault is not None
    assert exchange.attempts[1].fault is None


@pytest.mark.parametrize("fault", [*IN_STREAM, *FAILURES])
def test_a_stream_that_fails_before_its_first_content_comes_from_the_replacement(fault):
    script = IN_STREAM.get(fault) or FAILURES[fault]
    with ScriptedServer(script) as vendor, ScriptedServer(stream(recorded("openai", "text"))) as own:
        served, token = serve(vendor.url, own_url=own.url, first_content_timeout=0.2)
        with served:
            text, _, reasons = streamed_openai(served, token)
    assert text
    assert len(reasons) == 1
    assert served.spool.exchanges[0].upstream == "own"


def test_a_refused_connection_is_not_seen_by_the_caller():
    with ScriptedServer([reply(OPENAI_ANSWER)]) as own:
        served, token = serve("http://127.0.0.1:1", own_url=own.url)
        with served:
            assert ask_openai(served, token).choices[0].message.content == "forty-two"
    assert served.spool.exchanges[0].attempts[0].fault == "connect-refused"


def test_without_a_proof_the_caller_gets_an_error_that_says_why_and_the_sdk_asks_once():
    with ScriptedServer(FAILURES["401"]) as vendor, ScriptedServer([reply(OPENAI_ANSWER)]) as own:
        served, token = serve(vendor.url, own_url=own.url, proven=())
        with served:
            with pytest.raises(openai.APIStatusError) as openai_error:
                ask_openai(served, token)
            with pytest.raises(anthropic.APIStatusError) as anthropic_error:
                ask_anthropic(served, token)
        assert len(vendor.seen) == 1
        assert own.seen == []
    for error in (openai_error.value, anthropic_error.value):
        assert error.status_code == 503
        assert "claims" in error.message
        assert "own: NOT proven" in error.message
        assert "sk-abcdef123" not in str(error.body)
        assert error.response.headers["x-should-retry"] == "false"
    assert len(served.spool.exchanges) == 2
    assert served.held == [("credential", "vendor", "key-revoked")]


def test_a_request_the_provider_rejects_is_told_to_the_caller_and_tried_nowhere_else():
    script = [
        reply(b'{"error":{"message":"temperature must be at most 2","type":"invalid_request_error"}}', status=400)
    ]
    with ScriptedServer(script) as vendor, ScriptedServer([reply(OPENAI_ANSWER)]) as own:
        served, token = serve(vendor.url, own_url=own.url)
        with served, pytest.raises(openai.BadRequestError, match="temperature must be at most 2"):
            ask_openai(served, token)
        assert own.seen == []


@pytest.mark.parametrize("break_off", ["close", "reset"])
def test_a_stream_that_breaks_after_its_first_content_raises_in_both_clients(break_off):
    for kind in ("openai", "anthropic"):
        whole = recorded(kind, "text")
        script = [*stream(whole[: len(whole) // 2], end=False), 0.05, break_off]
        with ScriptedServer(script) as vendor:
            served, token = serve(vendor.url, kind)
            with served:
                with pytest.raises(openai.APIError):
                    streamed_openai(served, token)
                with pytest.raises(anthropic.APIError):
                    streamed_anthropic(served, token)
        assert [e.outcome for e in served.spool.exchanges] == [Outcome.TRUNCATED] * 2


def test_the_models_of_a_key_are_its_process_s_routes():
    served, token = serve("http://127.0.0.1:1")
    with served:
        with openai.OpenAI(base_url=f"{served.url}/v1", api_key=token) as client:
            assert [m.id for m in client.models.list()] == ["claims"]
            assert client.models.retrieve("claims").id == "claims"
            with pytest.raises(openai.NotFoundError):
                client.models.retrieve("other")
        with anthropic.Anthropic(base_url=served.url, api_key=token) as client:
            assert [m.id for m in client.models.list()] == ["claims"]


def test_an_unknown_key_and_an_unknown_route_are_refused():
    served, token = serve("http://127.0.0.1:1")
    with served:
        with pytest.raises(openai.AuthenticationError):
            ask_openai(served, "sw_aaaaaaaa_" + "a" * 43)
        with openai.OpenAI(base_url=f"{served.url}/v1", api_key=token) as client, pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="other", messages=SAY)


def raw(url, path, token, body):
    import http.client

    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    connection.request("POST", path, body, {"authorization": f"Bearer {token}", "content-type": "application/json"})
    response = connection.getresponse()
    got = (response.status, response.read(), dict(response.getheaders()))
    connection.close()
    return got


THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}
THINKING = [
    ("message_start", {"message": {**json.loads(ANTHROPIC_ANSWER), "content": [], "stop_reason": None}}),
    ("content_block_start", {"index": 0, "content_block": {**THOUGHT, "thinking": ""}}),
    ("content_block_delta", {"index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}),
    ("content_block_stop", {"index": 0}),
    ("content_block_start", {"index": 1, "content_block": {"type": "text", "text": ""}}),
    ("content_block_delta", {"index": 1, "delta": {"type": "text_delta", "text": "forty-two"}}),
    ("content_block_stop", {"index": 1}),
    ("message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}),
    ("message_stop", {}),
]


@pytest.mark.parametrize("streamed", [False, True])
def test_reasoning_that_a_translation_leaves_out_is_named(streamed):
    answer = json.loads(ANTHROPIC_ANSWER)
    answer["content"].insert(0, THOUGHT)
    frames = [f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode() for kind, fields in THINKING]
    script = stream(*frames) if streamed else [reply(json.dumps(answer).encode())]
    with ScriptedServer(script) as vendor:
        gateway, token = serve(vendor.url, "anthropic")
        with gateway, openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=token) as client:
            raw = client.chat.completions.with_raw_response.create(
                model="claims", messages=SAY, stream=streamed, seed=1
            )
            raw.http_response.read()
            assert raw.headers["x-switchover-dropped"] == "seed, answer.reasoning"
            until = time.monotonic() + 60
            while not gateway.spool.exchanges and time.monotonic() < until:
                time.sleep(0.01)
            assert gateway.spool.exchanges[0].dropped == ("seed", "answer.reasoning")
            assert b"hm" not in gateway.spool.exchanges[0].answer
