"""The official OpenAI client's ``responses`` through a real gateway: fake vendor and scripted upstreams."""

from __future__ import annotations

import json
import time
from pathlib import Path

import openai
import pytest
from pydantic import BaseModel

from switchover.domain.exchange import Outcome
from switchover.domain.process import Criticality, DataClass, Process
from switchover.testing.fake_vendor import FakeVendor
from switchover.testing.scripted import ScriptedServer, reply, stream
from switchover.testing.served import ServedGateway, register, spec

RECORDINGS = Path(__file__).parents[1] / "recordings"
KNOWN = {"What is it?": "forty-two", "Please look": "moon", "as JSON": '{"at": "moon"}'}
TOOL = {
    "type": "function",
    "name": "look",
    "description": "looks",
    "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
    "strict": False,
}
# How the upstream is spoken to: kind, what it speaks, and the path that then is called.
WAYS = {
    "same": ("openai", "both", "/v1/responses"),
    "responses-only": ("openai", "responses", "/v1/responses"),
    "chat": ("openai", "chat", "/v1/chat/completions"),
    "messages": ("anthropic", "chat", "/v1/messages"),
}
RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "real-model", "error": None,
    "output": [{"id": "m1", "type": "message", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "forty-two", "annotations": []}]}],
    "usage": {"input_tokens": 3, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 2, "total_tokens": 5},
}  # fmt: skip
CHAT_ANSWER = {
    "id": "c1", "object": "chat.completion", "created": 1, "model": "own-model",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "from our own"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}  # fmt: skip


def serve(url, way="same", *, own_url=None):
    kind, speaks, _ = WAYS[way]
    upstreams = [spec("vendor", url, kind, speaks=speaks)]
    more = {}
    if own_url:
        upstreams.append(spec("own", own_url, speaks="chat"))
        more = {"fallbacks": ("own",)}
    process = Process(
        name="claims", owner="o", criticality=Criticality.CRITICAL, data=DataClass.INTERNAL, baseline="vendor",
        routes=("claims",), **more,
    )  # fmt: skip
    snapshot, token = register(process, upstreams, proven=("own",) if own_url else ())
    return ServedGateway(snapshot), token


@pytest.fixture(scope="module")
def vendor():
    with FakeVendor(KNOWN, key="upstream-secret") as running:
        yield running


@pytest.fixture(params=WAYS)
def through(request, vendor):
    """A client of a gateway, for each way to speak to the upstream."""
    served, token = serve(vendor.url, request.param)
    with served, openai.OpenAI(base_url=f"{served.url}/v1", api_key=token, max_retries=0) as client:
        yield client, served


def client_of(served, token):
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key=token, max_retries=0)


def recorded(served):
    """The first exchange, which is recorded just after its answer was sent."""
    until = time.monotonic() + 60
    while not served.spool.exchanges and time.monotonic() < until:
        time.sleep(0.01)
    return served.spool.exchanges[0]


def test_a_whole_answer_reaches_the_client(through):
    client, served = through
    answer = client.responses.create(model="claims", input="What is it?", instructions="Be brief.")
    assert answer.output_text == "forty-two"
    assert (answer.status, answer.model, answer.object) == ("completed", "vendor-model", "response")
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 1
    exchange = recorded(served)
    assert (exchange.dialect, exchange.outcome) == ("openai_responses", Outcome.COMPLETE)
    assert exchange.usage.output == answer.usage.output_tokens


def test_a_stream_reaches_the_client_whole(through):
    client, served = through
    with client.responses.stream(model="claims", input="What is it?") as events:
        seen = list(events)
        final = events.get_final_response()
    assert "".join(event.delta for event in seen if event.type == "response.output_text.delta") == "forty-two"
    assert final.output_text == "forty-two"
    assert [event.type for event in seen][:: len(seen) - 1] == ["response.created", "response.completed"]
    assert final.usage.output_tokens == recorded(served).usage.output


def test_a_conversation_with_a_tool_goes_round(through):
    client, _ = through
    talk = [{"role": "user", "content": "Please look"}]
    asked = client.responses.create(model="claims", input=talk, tools=[TOOL], tool_choice="required", store=False)
    (call,) = (item for item in asked.output if item.type == "function_call")
    assert (call.name, json.loads(call.arguments)) == ("look", {"at": "moon"})
    talk += [item.to_dict() for item in asked.output]
    talk.append({"type": "function_call_output", "call_id": call.call_id, "output": "seen"})
    answer = client.responses.create(model="claims", input=talk, tools=[TOOL], store=False)
    assert answer.output_text == "moon"


def test_a_streamed_tool_call_is_put_together_by_the_client(through):
    client, _ = through
    with client.responses.stream(
        model="claims", input="Please look", tools=[TOOL], tool_choice={"type": "function", "name": "look"}
    ) as events:
        final = events.get_final_response()
    (call,) = final.output
    assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "look", {"at": "moon"})


def test_an_answer_cut_by_its_limit_says_so(through):
    client, _ = through
    answer = client.responses.create(model="claims", input="What is it?", max_output_tokens=1)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert answer.output_text == "fort"
    told = list(client.responses.create(model="claims", input="What is it?", max_output_tokens=1, stream=True))
    assert told[-1].type == "response.incomplete"


class Place(BaseModel):
    at: str


@pytest.mark.parametrize("way", ["same", "chat"])
def test_a_schema_is_carried_and_parsed_by_the_client(vendor, way):
    served, token = serve(vendor.url, way)
    with served, client_of(served, token) as client:
        answer = client.responses.parse(model="claims", input="as JSON", text_format=Place)
    assert answer.output_parsed == Place(at="moon")


def test_a_form_without_a_schema_is_refused_where_it_can_t_be_kept(vendor):
    served, token = serve(vendor.url, "messages")
    with served, client_of(served, token) as client, pytest.raises(openai.BadRequestError, match="json_schema"):
        client.responses.create(model="claims", input="as JSON", text={"format": {"type": "json_object"}})


@pytest.mark.parametrize("way", WAYS)
def test_each_way_calls_its_own_path(way):
    with ScriptedServer([reply(json.dumps(RESPONSE).encode())]) as vendor:
        served, token = serve(vendor.url, way)
        with served, client_of(served, token) as client:
            try:
                client.responses.create(model="claims", input="hi")
            except openai.APIStatusError:
                assert way in ("chat", "messages")
        assert vendor.seen[0].line == f"POST {WAYS[way][2]} HTTP/1.1"


@pytest.mark.parametrize("way", ["same", "chat"])
def test_callers_of_the_chat_are_not_led_to_responses(vendor, way):
    served, token = serve(vendor.url, way)
    with served, client_of(served, token) as client:
        answer = client.chat.completions.create(model="claims", messages=[{"role": "user", "content": "What is it?"}])
    assert answer.choices[0].message.content == "forty-two"
    assert answer.id.startswith("chatcmpl-")


def test_callers_of_the_chat_reach_a_model_that_has_responses_alone(vendor):
    served, token = serve(vendor.url, "responses-only")
    say = [{"role": "user", "content": "What is it?"}]
    with served, client_of(served, token) as client:
        assert client.chat.completions.create(model="claims", messages=say).choices[0].message.content == "forty-two"
        chunks = list(client.chat.completions.create(model="claims", messages=say, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "forty-two"


def test_same_dialect_bytes_are_passed_on_unchanged_but_for_the_model():
    body = b'{"model":"claims","input":"h\\u00e9","store":false,"include":["reasoning.encrypted_content"],"odd":[2.50]}'
    recording = (RECORDINGS / "openai_responses_text.sse").read_bytes()
    with ScriptedServer(
        lambda number, seen: [reply(json.dumps(RESPONSE).encode())] if number == 0 else stream(recording)
    ) as vendor:
        served, token = serve(vendor.url)
        with served, client_of(served, token) as client:
            whole = client.post("/responses", body=None, content=body, cast_to=object, options={"headers": JSON})
            told = client.responses.with_raw_response.create(model="claims", input="hi", stream=True)
            text = b"".join(told.http_response.iter_bytes())
    assert vendor.seen[0].body == body.replace(b'"claims"', b'"vendor-model"')
    assert whole == RESPONSE
    assert text == recording


JSON = {"content-type": "application/json"}
FAILURES = {
    "overloaded": [reply(b'{"error":{"message":"Overloaded","type":"server_error"}}', status=503)],
    "failed": [reply(json.dumps({**RESPONSE, "status": "failed", "output": [],
                                 "error": {"code": "server_error", "message": "It broke."}}).encode())],
    "empty": [reply(json.dumps({**RESPONSE, "output": [], "usage": None}).encode())],
}  # fmt: skip
CREATED = (RECORDINGS / "openai_responses_text.sse").read_bytes().split(b"\n\n")[0] + b"\n\n"
BROKE = {"id": "r", "status": "failed", "error": {"code": "server_error", "message": "It broke."}}


def event(kind, **fields):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, 'sequence_number': 1, **fields})}\n\n".encode()


STREAM_FAILURES = {
    "failed": stream(CREATED + event("response.failed", response=BROKE)),
    "error": stream(CREATED + event("error", code="rate_limit_exceeded", message="Slow down.")),
    "cut-after-created": [*stream(CREATED, end=False), "close"],
}  # fmt: skip


@pytest.mark.parametrize("fault", FAILURES)
def test_a_failure_is_answered_by_the_replacement_in_the_caller_s_dialect(fault):
    with ScriptedServer(FAILURES[fault]) as vendor, ScriptedServer([reply(json.dumps(CHAT_ANSWER).encode())]) as own:
        served, token = serve(vendor.url, own_url=own.url)
        with served, client_of(served, token) as client:
            answer = client.responses.create(model="claims", input="hi", store=True, safety_identifier="u-1")
    assert (answer.output_text, answer.model) == ("from our own", "own-model")
    assert served.spool.exchanges[0].dropped == ("safety_identifier", "store")


@pytest.mark.parametrize("fault", STREAM_FAILURES)
def test_a_stream_that_fails_before_its_first_content_comes_from_the_replacement(fault):
    chat = (RECORDINGS / "openai_text.sse").read_bytes()
    with ScriptedServer(STREAM_FAILURES[fault]) as vendor, ScriptedServer(stream(chat)) as own:
        served, token = serve(vendor.url, own_url=own.url)
        with served, client_of(served, token) as client:
            told = list(client.responses.create(model="claims", input="hi", stream=True))
    assert told[0].response.id.startswith("resp_unkept_")
    assert told[-1].type == "response.completed"
    assert served.spool.exchanges[0].upstream == "own"


@pytest.mark.parametrize("recording", ["openai_responses_text", "openai_text"])
def test_a_stream_that_breaks_after_its_first_content_raises(recording):
    body = (RECORDINGS / f"{recording}.sse").read_bytes()
    with ScriptedServer([*stream(body[: len(body) * 2 // 3], end=False), 0.05, "close"]) as vendor:
        served, token = serve(vendor.url, "same" if recording == "openai_responses_text" else "chat")
        with served, client_of(served, token) as client, pytest.raises(openai.APIError, match="incomplete"):
            for _ in client.responses.create(model="claims", input="hi", stream=True):
                pass
    assert served.spool.exchanges[0].outcome is Outcome.TRUNCATED


STATEFUL = [{"previous_response_id": "resp_1"}, {"conversation": "conv_1"}]


@pytest.mark.parametrize("fields", STATEFUL)
def test_what_rests_on_earlier_answers_goes_to_the_baseline_alone(fields):
    with ScriptedServer([reply(json.dumps(RESPONSE).encode())]) as vendor, ScriptedServer([]) as own:
        served, token = serve(vendor.url, own_url=own.url)
        with served, client_of(served, token) as client:
            assert client.responses.create(model="claims", input="hi", **fields).output_text == "forty-two"
            vendor.play(FAILURES["overloaded"])
            with pytest.raises(openai.InternalServerError, match="own: it has none of the earlier answers"):
                client.responses.create(model="claims", input="hi", **fields)
        assert own.seen == []


@pytest.mark.parametrize("fields", STATEFUL)
def test_what_rests_on_earlier_answers_is_refused_where_nobody_keeps_them(vendor, fields):
    served, token = serve(vendor.url, "chat")
    with (
        served,
        client_of(served, token) as client,
        pytest.raises(openai.BadRequestError, match="the whole input"),
    ):
        client.responses.create(model="claims", input="hi", **fields)


def test_an_answer_told_from_another_dialect_can_t_be_built_on(vendor):
    served, token = serve(vendor.url, "chat")
    with served, client_of(served, token) as client:
        first = client.responses.create(model="claims", input="What is it?")
        assert first.store is False
        with pytest.raises(openai.BadRequestError, match="no provider keeps"):
            client.responses.create(model="claims", input="And?", previous_response_id=first.id)


@pytest.mark.parametrize("way", ["chat", "messages"])
def test_tools_that_run_at_openai_are_refused_elsewhere(vendor, way):
    served, token = serve(vendor.url, way)
    with served, client_of(served, token) as client, pytest.raises(openai.BadRequestError, match="web_search"):
        client.responses.create(model="claims", input="hi", tools=[{"type": "web_search"}])


def test_the_client_is_told_the_exchange_of_an_error():
    with ScriptedServer(FAILURES["overloaded"]) as vendor:
        served, token = serve(vendor.url)
        with served, client_of(served, token) as client, pytest.raises(openai.InternalServerError) as caught:
            client.responses.create(model="claims", input="hi")
    assert caught.value.body["exchange"] == served.spool.exchanges[0].id


def test_an_answer_can_t_be_fetched_or_made_in_the_background(vendor):
    served, token = serve(vendor.url)
    with served, client_of(served, token) as client:
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve("resp_1")
        with pytest.raises(openai.BadRequestError, match="fetched later"):
            client.responses.create(model="claims", input="hi", background=True)
