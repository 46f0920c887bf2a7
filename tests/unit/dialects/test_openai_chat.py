import msgspec
import pytest

from switchover.dialects import DIALECTS
from switchover.domain.exchange import Usage
from switchover.domain.ports import Finished, Truncated
from switchover.errors import BadRequest, Malformed

CHAT = DIALECTS["openai_chat"]


def body(**fields):
    return msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields})


def chunk(delta=None, finish=None, index=0, **fields):
    choices = [] if delta is None else [{"index": index, "delta": delta, "finish_reason": finish}]
    return b"data: " + msgspec.json.encode({"id": "c", "model": "big-1", "choices": choices, **fields}) + b"\n\n"


def test_a_peek_tells_what_planning_needs():
    seen = CHAT.peek(body(stream=True, metadata={"kind": "complaint"}, stream_options={"include_usage": True}))
    assert (seen.model, seen.stream, dict(seen.metadata)) == ("m", True, {"kind": "complaint"})
    assert seen.include_usage
    assert not seen.holds
    assert seen.needs == frozenset()


@pytest.mark.parametrize(
    ("fields", "need"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "json_schema"),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
    ],
)
def test_what_a_partial_answer_would_spoil_is_held(fields, need):
    seen = CHAT.peek(body(**fields))
    assert seen.holds
    assert seen.needs == {need}


def test_an_image_needs_vision_but_holds_nothing():
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}
    seen = CHAT.peek(body(messages=[image]))
    assert seen.needs == {"vision"}
    assert not seen.holds
    assert CHAT.peek(body(messages=[{"role": "user", "content": "image_url"}])).needs == frozenset()


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"{", "not JSON"),
        (b"[]", "object"),
        (b'{"messages":[{"role":"user"}]}', "model"),
        (b'{"model":3,"messages":[{"role":"user"}]}', "$.model"),
        (b'{"model":"","messages":[{"role":"user"}]}', "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":[]}', "messages"),
        (b'{"model":"m","messages":[{"content":"x"}]}', "$.messages[0]"),
        (b'{"model":"m","messages":[{"role":"\xff"}]}', "UTF-8"),
        (b'{"model":"m","messages":[{"role":"user"}],"n":0}', "`n`"),
        (b'{"model":"m","x":' + b"[" * 100_000, "JSON"),
    ],
)
def test_a_wrong_body_is_refused_with_the_place(sent, says):
    with pytest.raises(BadRequest, match=says.replace("$", r"\$").replace("[", r"\[").replace(".", r"\.")):
        CHAT.peek(sent)


def test_another_model_leaves_every_other_field_as_it_was_sent():
    sent = b'{"model":"a","temperature":1.00,"messages":[ {"role" : "user","content":"\\u00e9 \xc3\xa9"} ],"x":1e400}'
    assert CHAT.with_model(sent, 'b"1') == sent.replace(b'"a"', b'"b\\"1"')


def test_only_content_commits():
    decoder = CHAT.decoder()
    held = decoder.feed(b": wait\n\n" + chunk({"role": "assistant", "content": ""}))
    assert held
    assert not decoder.committed
    decoder.feed(chunk({"content": "4"}))
    assert decoder.committed


def test_a_tool_call_commits_and_reasoning_does_not():
    decoder = CHAT.decoder()
    decoder.feed(chunk({"reasoning_content": "hm"}))
    assert not decoder.committed
    assert decoder.progressed == 1
    decoder.feed(chunk({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": ""}}]}))
    assert decoder.committed


@pytest.mark.parametrize(
    ("error", "fault", "status"),
    [
        ({"type": "server_error", "message": "x"}, "server-error", 500),
        ({"type": "invalid_request_error", "code": "context_length_exceeded"}, "context-too-long", 400),
        ({"type": "insufficient_quota", "code": "insufficient_quota"}, "quota-spent", 429),
        ({"code": 429, "message": "slow down"}, "rate-limited", 429),
        ({"code": "invalid_api_key", "type": "invalid_request_error"}, "key-revoked", 401),
        ({"code": "unsupported_country_region_territory", "type": "request_forbidden"}, "region-refused", 403),
        ("broken", "server-error", None),
        ({"message": None}, "server-error", None),
    ],
)
@pytest.mark.parametrize("content_first", [True, False])
def test_an_error_inside_a_200_is_classified_and_kept_back(error, fault, status, content_first):
    decoder = CHAT.decoder()
    if content_first:
        decoder.feed(chunk({"content": "4"}))
    assert decoder.feed(b"data: " + msgspec.json.encode({"error": error}) + b"\n\n") == b""
    assert decoder.failure[:2] == (fault, status)
    assert decoder.close() == Truncated(why=fault)
    assert decoder.feed(chunk({"content": "2"})) == b""


def test_a_key_in_an_errors_words_is_not_passed_on():
    decoder = CHAT.decoder()
    error = {"code": "invalid_api_key", "message": "Incorrect API key provided: sk-proj-Abc123Abc123."}
    decoder.feed(b"data: " + msgspec.json.encode({"error": error}) + b"\n\n")
    assert "Abc123" not in decoder.failure[2]
    assert "Abc123" not in CHAT.error_message(msgspec.json.encode({"error": error}))
    assert "Incorrect API key" in decoder.failure[2]


def test_a_lost_done_after_the_finish_reason_is_a_whole_answer():
    decoder = CHAT.decoder()
    decoder.feed(chunk({"content": "4"}) + chunk({}, "stop"))
    assert not decoder.finished
    assert decoder.lost_terminal == b"data: [DONE]\n\n"
    assert decoder.close() == Finished(reason="stop", usage=None)
    decoder.feed(b"data: [DONE]\n\n")
    assert decoder.finished
    assert decoder.lost_terminal == b""


def test_of_two_choices_both_must_finish():
    decoder = CHAT.decoder(choices=2)
    decoder.feed(chunk({"content": "4"}) + chunk({}, "stop"))
    assert decoder.close() == Truncated(why="clean-end-too-soon")
    decoder.feed(chunk({"content": "2"}, index=1))
    assert decoder.close() == Truncated(why="clean-end-too-soon")
    decoder.feed(chunk({}, "stop", index=1))
    assert isinstance(decoder.close(), Finished)


def test_nothing_after_the_terminal_is_relayed_or_minded():
    decoder = CHAT.decoder()
    whole = chunk({"content": "4"}) + chunk({}, "stop") + b"data: [DONE]\n\n"
    assert decoder.feed(whole + chunk({"content": "5"}) + b"data: {{{\n\n" + b"x" * (2 << 20)) == whole
    assert isinstance(decoder.close(), Finished)


def test_content_after_the_finish_reason_is_out_of_order():
    decoder = CHAT.decoder()
    decoder.feed(chunk({"content": "4"}) + chunk({}, "stop"))
    assert decoder.feed(chunk({"content": "5"})) == b""
    assert decoder.failure[0] == "events-out-of-order"


@pytest.mark.parametrize("bad", [b"{", b'{"a":"\xff"}', b"[1]", b"null", b"<html>", b'{"choices":[{"index":NaN}]}'])
@pytest.mark.parametrize("content_first", [True, False])
def test_a_line_that_does_not_parse_is_kept_back(bad, content_first):
    decoder = CHAT.decoder()
    if content_first:
        decoder.feed(chunk({"content": "4"}))
    assert decoder.feed(b"data: " + bad + b"\n\n") == b""
    assert decoder.failure[0] == "frame-not-json"


@pytest.mark.parametrize("step", [1 << 20, 700_001])
def test_a_frame_above_the_limit_is_a_failure_and_memory_stays_bounded(step):
    decoder = CHAT.decoder()
    good = chunk({"content": "4"})
    assert decoder.feed(good + b"data: ") == good
    for _ in range(4):
        assert decoder.feed(b"x" * step) == b""
    assert decoder.failure[0] == "frame-too-big"
    assert len(decoder._scanner._buffer) <= (1 << 20) + step


def test_fields_without_data_crash_the_sdks_and_are_left_out():
    decoder = CHAT.decoder()
    assert decoder.feed(b"event: x\n\n: fine\n\ndata:\n\nid: 4\n\n") == b": fine\n\n"
    assert decoder.failure is None


def test_data_over_several_lines_is_one_event():
    decoder = CHAT.decoder()
    frame = b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"4"}}]}\n\n'
    assert decoder.feed(frame) == frame
    assert decoder.committed


def test_an_ended_stream_with_nothing_in_it_is_empty_unless_it_was_filtered():
    for reason, empty in (("stop", True), ("length", False), ("content_filter", False)):
        decoder = CHAT.decoder()
        decoder.feed(chunk({}, reason) + b"data: [DONE]\n\n")
        assert decoder.is_empty is empty


def answer(message, finish="stop", **fields):
    choices = [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}]
    return msgspec.json.encode({"id": "c", "model": "big-1", "choices": choices, **fields})


def test_a_whole_answer_is_read():
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    whole = CHAT.read_answer(answer({"content": "42"}, usage=usage))
    assert (whole.text, whole.reason, whole.model) == ("42", "stop", "big-1")
    assert whole.usage == Usage(input=9, output=2, cached_input=4)
    assert not whole.is_empty


def test_an_answer_with_nothing_in_it_is_empty_but_a_refusal_is_not():
    assert CHAT.read_answer(answer({"content": None})).is_empty
    assert CHAT.read_answer(answer({"content": "", "reasoning_content": "x"}, usage={"completion_tokens": 9})).is_empty
    assert not CHAT.read_answer(answer({"content": None}, "content_filter")).is_empty
    assert not CHAT.read_answer(answer({"content": None, "refusal": "No."})).is_empty


@pytest.mark.parametrize("sent", [b"<html>", b"{}", b'{"choices":[]}', b'{"error":{"message":"x"}}', b"\xff"])
def test_what_is_no_answer_is_malformed(sent):
    with pytest.raises(Malformed):
        CHAT.read_answer(sent)
