from pathlib import Path

import httpx2
import msgspec
import openai
import pytest

from switchover.dialects import DIALECTS
from switchover.domain.exchange import Usage
from switchover.domain.ports import Finished, Truncated
from switchover.errors import BadRequest, Malformed

RESPONSES = DIALECTS["openai_responses"]
RECORDINGS = Path(__file__).parents[2] / "recordings"


def body(**fields):
    return msgspec.json.encode({"model": "m", "input": "hi", **fields})


def event(kind, *, named=True, **fields):
    head = f"event: {kind}\n" if named else ""
    return head.encode() + b"data: " + msgspec.json.encode({"type": kind, **fields}) + b"\n\n"


def response(status="completed", output=(), **fields):
    return {"id": "resp_1", "model": "big-1", "status": status, "output": list(output), "error": None, **fields}


def said(text, kind="output_text"):
    part = {"type": kind, "refusal" if kind == "refusal" else "text": text}
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}


CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": '{"x":1}'}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": []}
USAGE = {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 2, "total_tokens": 11}
CREATED = event("response.created", response=response("in_progress"), sequence_number=0)
MESSAGE = event("response.output_item.added", output_index=0, item={"type": "message", "content": []})
DELTA = event("response.output_text.delta", output_index=0, content_index=0, delta="x")
COMPLETED = event("response.completed", response=response(output=[said("x")], usage=USAGE))


def fed(*frames):
    decoder = RESPONSES.decoder()
    return decoder, decoder.feed(b"".join(frames))


def test_a_peek_tells_what_planning_needs():
    seen = RESPONSES.peek(body(stream=True, metadata={"kind": "complaint", "n": 1}, store=True))
    assert (seen.model, seen.stream, dict(seen.metadata)) == ("m", True, {"kind": "complaint", "n": "1"})
    assert not seen.holds
    assert seen.needs == frozenset()


@pytest.mark.parametrize(
    ("fields", "need"),
    [
        ({"tools": [{"type": "function", "name": "f", "parameters": {}}]}, "tools"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"text": {"format": {"type": "json_schema", "name": "x", "schema": {}}}}, "json_schema"),
        ({"text": {"format": {"type": "json_object"}}}, "json_schema"),
        ({"top_logprobs": 2}, "logprobs"),
        ({"include": ["message.output_text.logprobs"]}, "logprobs"),
    ],
)
def test_what_a_partial_answer_would_spoil_is_held(fields, need):
    seen = RESPONSES.peek(body(**fields))
    assert seen.holds
    assert seen.needs == {need}


def test_plain_text_asked_for_by_name_holds_nothing():
    assert RESPONSES.peek(body(text={"format": {"type": "text"}, "verbosity": "low"})).needs == frozenset()


def test_an_image_needs_vision_but_holds_nothing():
    def seen(part):
        return RESPONSES.peek(body(input=[{"role": "user", "content": [part]}]))

    image = seen({"type": "input_image", "image_url": "https://x/y.png"})
    assert image.needs == {"vision"}
    assert not image.holds
    assert seen({"type": "input_text", "text": '"input_image"'}).needs == frozenset()
    shot = {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_image", "image_url": "data:x"}]}
    assert RESPONSES.peek(body(input=[shot])).needs == {"vision"}


@pytest.mark.parametrize(
    "fields",
    [
        {"previous_response_id": "resp_1"},
        {"previous_response_id": "resp_1", "input": None},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"prompt": {"id": "pmpt_1"}},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"id": "msg_1"}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
    ],
)
def test_what_a_provider_keeps_is_a_need_of_its_own_and_holds_nothing(fields):
    seen = RESPONSES.peek(body(**fields))
    assert seen.needs - {"files"} == {"state"}
    assert not seen.holds


def test_a_search_of_kept_files_needs_what_is_kept():
    search = {"type": "file_search", "vector_store_ids": ["vs_1"]}
    assert RESPONSES.peek(body(tools=[search])).needs == {"tools", "state"}


@pytest.mark.parametrize("fields", [{"store": False}, {"store": True}, {"previous_response_id": None}])
def test_a_request_that_names_nothing_kept_can_be_switched(fields):
    assert RESPONSES.peek(body(**fields)).needs == frozenset()


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"{", "not JSON"),
        (b"[]", "object"),
        (b'{"input":"x"}', "model"),
        (b'{"model":"","input":"x"}', "`model` is empty"),
        (b'{"model":"m"}', "`input` is empty"),
        (b'{"model":"m","input":[]}', "`input` is empty"),
        (b'{"model":"m","input":3}', r"\$\.input"),
        (b'{"model":"m","input":["x"]}', r"\$\.input"),
        (b'{"model":"m","input":"\xff"}', "UTF-8"),
        (body(background=True), "`background`"),
        (body(previous_response_id="resp_unkept_c1"), "no provider keeps"),
    ],
)
def test_a_wrong_body_is_refused_with_the_place(sent, says):
    with pytest.raises(BadRequest, match=says):
        RESPONSES.peek(sent)


def test_another_model_leaves_every_other_field_as_it_was_sent():
    sent = b'{"model":"a","temperature":1.00,"input":[ {"role" : "user","content":"\\u00e9"} ],"x":1e400}'
    assert RESPONSES.with_model(sent, "b") == sent.replace(b'"a"', b'"b"')


def test_a_whole_answer_is_read():
    whole = RESPONSES.read_answer(
        msgspec.json.encode(response(output=[REASONING, said("Looking."), CALL], usage=USAGE))
    )
    assert (whole.text, whole.reason, whole.model, whole.reasoned) == ("Looking.", "completed", "big-1", False)
    assert [(call.id, call.name, call.arguments) for call in whole.tool_calls] == [("call_1", "f", '{"x":1}')]
    assert whole.usage == Usage(input=9, output=2, cached_input=4)
    assert not whole.is_empty


def test_a_refusal_by_the_model_is_an_answer():
    whole = RESPONSES.read_answer(msgspec.json.encode(response(output=[said("I won't.", "refusal")])))
    assert whole.text == "I won't."
    assert not whole.is_empty


@pytest.mark.parametrize(
    ("answer", "empty"),
    [
        (response(usage={"input_tokens": 3, "output_tokens": 0}), True),
        (response(output=[REASONING], usage=USAGE), True),
        (response(output=[REASONING, said("")], usage=USAGE), True),
        (
            response(output=[REASONING, {"type": "image_generation_call", "id": "i", "result": "AA"}], usage=USAGE),
            False,
        ),
        (response("incomplete", incomplete_details={"reason": "max_output_tokens"}), False),
        (response("incomplete", incomplete_details={"reason": "content_filter"}, output=[REASONING]), False),
    ],
)
def test_an_answer_without_content_counts_as_failed_unless_it_says_why(answer, empty):
    assert RESPONSES.read_answer(msgspec.json.encode(answer)).is_empty is empty


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (response("failed", error={"code": "rate_limit_exceeded", "message": "Slow down."}), "rate-limited"),
        (response("failed", error={"code": "invalid_image", "message": "No image."}), "bad-request"),
        (response("failed"), "server-error"),
        (response("in_progress"), "frame-not-json"),
        (response("cancelled"), "frame-not-json"),
        ({"id": "resp_1"}, "frame-not-json"),
        ([], "frame-not-json"),
    ],
)
def test_what_is_no_answer_is_said_to_be_none(answer, fault):
    with pytest.raises(Malformed) as caught:
        RESPONSES.read_answer(msgspec.json.encode(answer))
    assert caught.value.fault == fault


def test_only_content_commits():
    decoder, out = fed(b": wait\n\n", CREATED, event("response.in_progress", response=response("in_progress")), MESSAGE)
    assert out.endswith(MESSAGE)
    assert (decoder.committed, decoder.model) == (False, "big-1")
    decoder.feed(DELTA)
    assert decoder.committed


@pytest.mark.parametrize(
    "kind",
    [
        "response.output_text.delta",
        "response.refusal.delta",
        "response.function_call_arguments.delta",
        "response.custom_tool_call_input.delta",
        "response.code_interpreter_call_code.delta",
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_delta_of_content_commits(kind, named):
    decoder, _ = fed(MESSAGE, event(kind, named=named, output_index=0, delta="x"))
    assert (decoder.committed, decoder.reasoned, decoder.failure) == (True, False, None)


@pytest.mark.parametrize("kind", ["response.reasoning_summary_text.delta", "response.reasoning_text.delta"])
def test_reasoning_is_progress_but_no_content(kind):
    decoder, _ = fed(event("response.output_item.added", output_index=0, item=REASONING))
    before = decoder.progressed
    decoder.feed(event(kind, output_index=0, delta="x"))
    assert (decoder.committed, decoder.reasoned) == (False, True)
    assert decoder.progressed == before + 1


def test_a_tool_call_commits_by_being_opened():
    decoder, _ = fed(event("response.output_item.added", output_index=0, item={**CALL, "arguments": ""}))
    assert decoder.committed


def test_waiting_is_no_progress():
    decoder, _ = fed(CREATED, event("keepalive", sequence_number=1), event("response.queued", response=response()))
    assert decoder.progressed == 0
    assert decoder.failure is None


@pytest.mark.parametrize("status", ["completed", "incomplete"])
def test_the_terminal_event_ends_the_answer_and_nothing_follows(status):
    details = {"reason": "max_output_tokens"} if status == "incomplete" else None
    ended = event(f"response.{status}", response=response(status, usage=USAGE, incomplete_details=details))
    decoder, out = fed(CREATED, MESSAGE, DELTA, ended, DELTA, b"data: [DONE]\n\n")
    assert out.endswith(ended)
    reason = "max_output_tokens" if details else "completed"
    assert decoder.close() == Finished(reason=reason, usage=Usage(input=9, output=2, cached_input=4))
    assert not decoder.is_empty


def test_text_that_comes_only_with_the_end_is_content():
    decoder, _ = fed(CREATED, COMPLETED)
    assert decoder.committed
    empty, _ = fed(CREATED, event("response.completed", response=response(output=[REASONING])))
    assert empty.is_empty


@pytest.mark.parametrize(
    ("frame", "fault", "status"),
    [
        (event("error", code="rate_limit_exceeded", message="Slow down."), "rate-limited", 429),
        (event("error", error={"type": "insufficient_quota", "message": "Spent."}), "quota-spent", 429),
        (event("error", code=None, message="Bang."), "server-error", None),
        (event("response.failed", response=response("failed", error={"code": "server_error"})), "server-error", 500),
        (event("response.failed", response=response("failed", error={"code": "invalid_prompt"})), "bad-request", 400),
        (event("response.failed"), "server-error", None),
        (event("response.completed", response=response("failed")), "server-error", None),
        (b'data: {"error":{"message":"Overloaded","type":"overloaded_error"},"type":""}\n\n', "overloaded", 529),
        (b'event: error\ndata: {"type":"response.output_text.done"}\n\n', "server-error", None),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 4096])
def test_an_error_is_a_failure_and_never_relayed_under_any_split(frame, fault, status, step):
    sent, decoder = CREATED + MESSAGE + frame + COMPLETED, RESPONSES.decoder()
    out = b"".join(decoder.feed(sent[i : i + step]) for i in range(0, len(sent), step))
    assert out == CREATED + MESSAGE
    assert decoder.failure[:2] == (fault, status)
    assert isinstance(decoder.close(), Truncated)


@pytest.mark.parametrize(
    "frames",
    [
        [DELTA],
        [MESSAGE, MESSAGE],
        [MESSAGE, event("response.output_item.done", output_index=1, item=said("x"))],
        [MESSAGE, event("response.output_item.done", output_index=0, item=said("x")), DELTA],
        [event("response.output_item.added", item=REASONING)],
        [b'event: response.created\ndata: {"type":"response.in_progress"}\n\n'],
        [b'event: response.x.delta\ndata: {"type":"response.y.delta"}\n\n'],
        [CREATED, CREATED],
        [CREATED, event("response.in_progress", sequence_number=3), event("keepalive", sequence_number=2)],
        [event("response.completed")],
    ],
)
def test_events_out_of_order_break_the_stream(frames):
    decoder, _ = fed(*frames)
    assert decoder.failure[0] == "events-out-of-order"


@pytest.mark.parametrize(
    "data", [b"{", b"[DONE]", b'"x"', b'{"type":3}', b'{"type":"x","output_index":"0"}', b'{"type":"\xff"}']
)
def test_a_frame_that_does_not_parse_is_never_relayed(data):
    decoder, out = fed(CREATED, b"data: " + data + b"\n\n")
    assert out == CREATED
    assert decoder.failure[0] == "frame-not-json"


def test_what_is_unknown_passes():
    frames = [
        CREATED,
        event("response.steer.accepted", sequence_number=1, anything={"at": "all"}),
        event(
            "response.output_item.added", output_index=0, item={"type": "new_call", "arguments": {"a": 1}, "content": 3}
        ),
        event("response.new_call.delta", output_index=0, delta={"not": "text"}),
    ]
    decoder, out = fed(*frames)
    assert out == b"".join(frames)
    assert decoder.failure is None


def client(status, sent, kind):
    answer = httpx2.Response(status, content=sent, headers={"content-type": kind})
    http = httpx2.Client(transport=httpx2.MockTransport(lambda request: answer))
    return openai.OpenAI(base_url="http://x/v1", api_key="k", max_retries=0, http_client=http)


ERROR = {"code": "upstream_cut", "message": "The answer was cut; ask again.", "exchange": "x-1"}


def test_the_sdk_raises_on_an_error_answer():
    sent = RESPONSES.error_body(**ERROR, status=503)
    with client(503, sent, "application/json") as sdk, pytest.raises(openai.InternalServerError) as caught:
        sdk.responses.create(model="m", input="hi")
    assert (caught.value.code, caught.value.body["exchange"]) == ("upstream_cut", "x-1")


@pytest.mark.parametrize("begun", [b"", CREATED])
def test_the_sdk_raises_on_an_error_frame(begun):
    frame = RESPONSES.error_frame(**ERROR, status=502)
    with client(200, begun + frame, "text/event-stream") as sdk, pytest.raises(openai.APIError) as caught:
        list(sdk.responses.create(model="m", input="hi", stream=True))
    assert (caught.value.code, caught.value.body["exchange"]) == ("upstream_cut", "x-1")
    data = msgspec.json.decode(frame.split(b"data: ")[1])
    assert openai.types.responses.ResponseErrorEvent.model_validate(data).code == "upstream_cut"
    decoder, out = fed(frame)
    assert out == b""
    assert decoder.failure is not None


@pytest.mark.parametrize("name", ["text", "tools"])
def test_the_sdk_builds_a_recording_s_answer(name):
    sent = (RECORDINGS / f"openai_responses_{name}.sse").read_bytes()
    with (
        client(200, sent, "text/event-stream") as sdk,
        sdk.responses.stream(model="m", input="hi") as events,
    ):
        final = events.get_final_response()
    decoder, out = fed(sent)
    assert out == sent
    assert decoder.usage.input == final.usage.input_tokens
    assert decoder.usage.cached_input == final.usage.input_tokens_details.cached_tokens
    assert decoder.reasoned is (name == "tools")
