import msgspec
import pytest

from switchover.dialects import DIALECTS
from switchover.domain.exchange import Usage
from switchover.domain.ports import Finished, Truncated
from switchover.errors import BadRequest, Malformed

MESSAGES = DIALECTS["anthropic_messages"]
START = {"type": "message_start", "message": {"model": "big-2", "usage": {"input_tokens": 3, "output_tokens": 1}}}
OPEN = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
TEXT = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "4"}}
SHUT = {"type": "content_block_stop", "index": 0}
DELTA = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}
STOP = {"type": "message_stop"}


def frames(*events):
    return b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), msgspec.json.encode(e)) for e in events)


def test_only_content_commits():
    decoder = MESSAGES.decoder()
    decoder.feed(frames(START, {"type": "ping"}, OPEN))
    assert not decoder.committed
    decoder.feed(frames(TEXT))
    assert decoder.committed
    assert decoder.model == "big-2"


def test_a_tool_call_commits_and_thinking_does_not():
    decoder = MESSAGES.decoder()
    thinking = {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}
    thought = {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}
    tool = {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t", "name": "f"}}
    decoder.feed(frames(START, thinking, thought, SHUT))
    assert not decoder.committed
    decoder.feed(frames(tool))
    assert decoder.committed


def test_only_message_stop_is_terminal():
    decoder = MESSAGES.decoder()
    decoder.feed(frames(START, OPEN, TEXT, SHUT, DELTA))
    assert decoder.close() == Truncated(why="clean-end-too-soon")
    decoder.feed(frames(STOP))
    assert decoder.finished
    assert decoder.close() == Finished(reason="end_turn", usage=Usage(input=3, output=7))


@pytest.mark.parametrize(
    ("kind", "fault", "status"),
    [
        ("overloaded_error", "overloaded", 529),
        ("rate_limit_error", "rate-limited", 429),
        ("authentication_error", "key-revoked", 401),
        ("permission_error", "permission-denied", 403),
        ("not_found_error", "model-missing", 404),
        ("invalid_request_error", "bad-request", 400),
        ("api_error", "server-error", 500),
        ("what_is_this", "server-error", None),
    ],
)
@pytest.mark.parametrize("before", [(), (START, OPEN, TEXT)])
def test_an_error_event_is_classified_and_kept_back(kind, fault, status, before):
    decoder = MESSAGES.decoder()
    decoder.feed(frames(*before))
    assert decoder.feed(frames({"type": "error", "error": {"type": kind, "message": "sorry"}})) == b""
    assert decoder.failure == (fault, status, "sorry")
    assert decoder.close() == Truncated(why=fault)


@pytest.mark.parametrize(
    "events",
    [
        (OPEN,),
        (START, TEXT),
        (START, START),
        (START, OPEN, OPEN),
        (START, OPEN, SHUT, TEXT),
        (START, SHUT),
        (START, OPEN, TEXT, STOP),
        (STOP,),
        (DELTA,),
    ],
)
def test_events_out_of_order_are_rejected(events):
    decoder = MESSAGES.decoder()
    assert decoder.feed(frames(*events)) == frames(*events[:-1])
    assert decoder.failure[0] == "events-out-of-order"


def test_an_event_without_its_name_would_be_overlooked_by_the_sdk_and_is_rejected():
    decoder = MESSAGES.decoder()
    assert decoder.feed(b"data: " + msgspec.json.encode(START) + b"\n\n") == b""
    assert decoder.failure[0] == "events-out-of-order"


def test_events_nobody_knows_pass():
    decoder = MESSAGES.decoder()
    sent = frames(START, {"type": "news"}, OPEN, TEXT)
    assert decoder.feed(sent) == sent


@pytest.mark.parametrize("bad", [b"{", b'{"type":"content_block_delta","index":0,"x":"\xff"}', b"[]"])
def test_a_line_that_does_not_parse_is_kept_back(bad):
    decoder = MESSAGES.decoder()
    decoder.feed(frames(START, OPEN, TEXT))
    assert decoder.feed(b"event: content_block_delta\ndata: " + bad + b"\n\n") == b""
    assert decoder.failure[0] == "frame-not-json"


def test_a_peek_tells_what_planning_needs():
    sent = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
    seen = MESSAGES.peek(msgspec.json.encode({**sent, "metadata": {"user_id": "u"}}))
    assert (seen.model, seen.stream, seen.holds, dict(seen.metadata)) == ("m", False, False, {"user_id": "u"})
    assert MESSAGES.peek(msgspec.json.encode({**sent, "tools": [{"name": "f", "input_schema": {}}]})).holds
    image = {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://x"}}]}
    assert MESSAGES.peek(msgspec.json.encode({**sent, "messages": [image]})).needs == {"vision"}


@pytest.mark.parametrize("left_out", ["model", "max_tokens", "messages"])
def test_a_required_field_that_is_absent_is_named(left_out):
    sent = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
    del sent[left_out]
    with pytest.raises(BadRequest, match=left_out):
        MESSAGES.peek(msgspec.json.encode(sent))


def test_a_whole_answer_is_read():
    answer = {
        "type": "message",
        "model": "big-2",
        "content": [{"type": "text", "text": "42"}, {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}],
        "stop_reason": "tool_use",
        "usage": {
            "input_tokens": 3,
            "cache_read_input_tokens": 4,
            "cache_creation_input_tokens": 5,
            "output_tokens": 6,
        },
    }
    whole = MESSAGES.read_answer(msgspec.json.encode(answer))
    assert (whole.text, whole.reason, whole.tool_calls[0].arguments) == ("42", "tool_use", '{"a":1}')
    assert whole.usage == Usage(input=12, output=6, cached_input=4, written_input=5)
    assert MESSAGES.read_answer(b'{"content":[],"stop_reason":"end_turn"}').is_empty
    assert not MESSAGES.read_answer(b'{"content":[],"stop_reason":"refusal"}').is_empty


@pytest.mark.parametrize("sent", [b"<html>", b"{}", b'{"type":"error","error":{"type":"api_error"}}'])
def test_what_is_no_answer_is_malformed(sent):
    with pytest.raises(Malformed):
        MESSAGES.read_answer(sent)
