"""Streamed answers of OpenAI's responses told in the other dialects, and back."""

import itertools
from pathlib import Path

import msgspec
import openai.types.chat
import openai.types.responses
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from switchover.dialects import DIALECTS
from switchover.dialects.across import StreamTranslator, text_of_answer
from switchover.dialects.sse import events
from switchover.domain.answer import as_text
from switchover.domain.exchange import Usage
from switchover.domain.ports import Finished

CHAT, RESPONSES, MESSAGES = "openai_chat", "openai_responses", "anthropic_messages"
RECORDINGS = Path(__file__).parents[2] / "recordings"
EVENT = TypeAdapter(openai.types.responses.ResponseStreamEvent)
STREAMS = [
    ("openai_text", CHAT, RESPONSES),
    ("openai_tools", CHAT, RESPONSES),
    ("anthropic_text", MESSAGES, RESPONSES),
    ("anthropic_tools", MESSAGES, RESPONSES),
    ("openai_responses_text", RESPONSES, CHAT),
    ("openai_responses_tools", RESPONSES, CHAT),
    ("openai_responses_text", RESPONSES, MESSAGES),
    ("openai_responses_tools", RESPONSES, MESSAGES),
]


def translated(name, source, target, pieces):
    decoder, translator = DIALECTS[source].decoder(), StreamTranslator(source, target, "m")
    out = b"".join(translator.feed(decoder.feed(piece)) for piece in pieces)
    return out + translator.close() if isinstance(decoder.close(), Finished) else out


def recorded(name):
    return (RECORDINGS / f"{name}.sse").read_bytes()


@settings(max_examples=60, deadline=None)
@given(stream=st.sampled_from(STREAMS), cuts=st.lists(st.integers(0, 8000), max_size=12))
def test_any_split_of_a_stream_is_told_the_same(stream, cuts):
    name, source, target = stream
    body = recorded(name)
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    pieces = [body[a:b] for a, b in itertools.pairwise(places)]
    assert translated(name, source, target, pieces) == translated(name, source, target, [body])


@pytest.mark.parametrize(("name", "source", "target"), STREAMS)
def test_a_stream_is_told_in_the_sdk_s_types_and_whole(name, source, target):
    body = recorded(name)
    out = translated(name, source, target, [body])
    assert translated(name, source, target, [body[i : i + 1] for i in range(len(body))]) == out
    if target == RESPONSES:
        for kind, data in events(out):
            assert EVENT.validate_json(data).type == kind.decode()
        numbers = [msgspec.json.decode(data)["sequence_number"] for _, data in events(out)]
        assert numbers == list(range(len(numbers)))
    elif target == CHAT:
        for _, data in events(out):
            if data != b"[DONE]":
                openai.types.chat.ChatCompletionChunk.model_validate_json(data, strict=True)
    there, first = DIALECTS[target].decoder(), DIALECTS[source].decoder()
    assert there.feed(out) == out
    first.feed(body)
    assert there.finished
    assert there.committed
    assert there.usage == first.usage
    assert there.usage != Usage()
    assert there.model == first.model
    assert text_of_answer(target, True, out) == text_of_answer(source, True, body)


@pytest.mark.parametrize(("name", "source", "target"), STREAMS)
def test_a_stream_and_the_whole_answer_it_makes_say_the_same(name, source, target):
    out = translated(name, source, target, [recorded(name)])
    back = translated(name, target, RESPONSES, [out]) if target != RESPONSES else out
    ended = msgspec.json.decode(list(events(back))[-1][1])["response"]
    built = DIALECTS[RESPONSES].read_answer(msgspec.json.encode(ended))
    calls = [(call.name, call.arguments) for call in built.tool_calls]
    assert as_text(built.text, calls) == text_of_answer(source, True, recorded(name))
    assert bool(built.tool_calls) is name.endswith("tools")
    done = [msgspec.json.decode(data) for kind, data in events(back) if kind == b"response.output_item.done"]
    assert [event["item"] for event in sorted(done, key=lambda event: event["output_index"])] == ended["output"]


def test_calls_are_put_together_from_their_pieces():
    out = translated("", RESPONSES, CHAT, [recorded("openai_responses_tools")])
    calls = {}
    reasons = []
    for _, data in events(out):
        chunk = {} if data == b"[DONE]" else msgspec.json.decode(data)
        for choice in chunk.get("choices", ()):
            reasons.append(choice["finish_reason"])
            for call in choice["delta"].get("tool_calls", ()):
                made = calls.setdefault(call["index"], ["", "", ""])
                made[0] += call.get("id", "")
                made[1] += call["function"].get("name", "")
                made[2] += call["function"]["arguments"]
    assert calls == {
        0: ["call_Yw3kPq", "find_policy", '{"number":"P-1"}'],
        1: ["call_Zr8nLd", "find_claim", '{"number":"Š-2 🙂"}'],
    }
    assert reasons[-1] == "tool_calls"


def chunk(delta=None, reason=None):
    choice = {"index": 0, "delta": delta or {}, "finish_reason": reason}
    return b"data: " + msgspec.json.encode({"id": "c1", "model": "big-1", "choices": [choice]}) + b"\n\n"


def piece(index, arguments, **more):
    return {"tool_calls": [{"index": index, **more, "function": {"name": more.get("id"), "arguments": arguments}}]}


def ended(*chunks):
    out = translated("", CHAT, RESPONSES, [*chunks, b"data: [DONE]\n\n"])
    decoder = DIALECTS[RESPONSES].decoder()
    assert decoder.feed(out) == out
    return msgspec.json.decode(list(events(out))[-1][1])


def test_interleaved_calls_keep_their_own_arguments_and_one_without_any_gets_an_object():
    pieces = [piece(0, '{"x"', id="a"), piece(1, "", id="b"), piece(0, ":1}")]
    end = ended(*(chunk(one) for one in pieces), chunk(reason="tool_calls"))
    assert [(item["call_id"], item["arguments"]) for item in end["response"]["output"]] == [
        ("a", '{"x":1}'),
        ("b", "{}"),
    ]


def test_words_a_refusal_and_words_after_a_call_each_have_their_place():
    end = ended(
        chunk({"content": "One"}), chunk({"refusal": "No."}), chunk(piece(0, "{}", id="a")), chunk({"content": "Two"}),
        chunk(reason="stop"),
    )  # fmt: skip
    first, call, last = end["response"]["output"]
    assert [part["type"] for part in first["content"]] == ["output_text", "refusal"]
    assert call["type"] == "function_call"
    assert last["content"][0]["text"] == "Two"


def test_a_stream_cut_by_its_limit_ends_incomplete():
    end = ended(chunk({"content": "x"}), chunk(reason="length"))
    assert end["type"] == "response.incomplete"
    assert end["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert end["response"]["output"][0]["status"] == "incomplete"


def test_text_that_comes_only_with_the_end_is_told():
    item = {"type": "message", "content": [{"type": "output_text", "text": "all at once"}]}
    call = {"type": "function_call", "call_id": "a", "name": "f", "arguments": '{"x":1}'}
    sent = b""
    for event in (
        {"type": "response.output_item.added", "output_index": 0, "item": {**call, "arguments": ""}},
        {"type": "response.output_item.done", "output_index": 0, "item": call},
        {"type": "response.completed", "response": {"output": [call, item], "status": "completed"}},
    ):
        sent += b"data: " + msgspec.json.encode(event) + b"\n\n"
    out = translated("", RESPONSES, CHAT, [sent])
    assert text_of_answer(CHAT, True, out) == as_text("all at once", [("f", '{"x": 1}')])
    assert b'{\\"x\\":1}' in out


@pytest.mark.parametrize(("name", "source", "target"), STREAMS)
def test_a_cut_stream_never_ends_cleanly_in_another_dialect(name, source, target):
    body = recorded(name)
    for position in range(0, len(body), 41):
        decoder = DIALECTS[source].decoder()
        decoder.feed(body[:position])
        if not isinstance(decoder.close(), Finished):
            there = DIALECTS[target].decoder()
            there.feed(translated(name, source, target, [body[:position]]))
            assert not isinstance(there.close(), Finished)


def test_a_lost_done_is_made_up_for_only_when_the_answer_is_whole():
    body = recorded("openai_text").replace(b"data: [DONE]\n\n", b"")
    assert b"event: response.completed" in translated("", CHAT, RESPONSES, [body])


@pytest.mark.parametrize("wanted", [True, False])
def test_the_usage_chunk_is_sent_only_to_who_asked(wanted):
    translator = StreamTranslator(RESPONSES, CHAT, "m", include_usage=wanted)
    assert (b'"choices":[]' in translator.feed(recorded("openai_responses_text"))) is wanted
