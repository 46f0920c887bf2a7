from pathlib import Path

import anthropic.types
import msgspec
import openai.types.chat
import pytest
from pydantic import TypeAdapter

from switchover.dialects import DIALECTS
from switchover.dialects.across import StreamTranslator, text_of_answer, translate_answer, translate_request
from switchover.dialects.sse import events
from switchover.domain.answer import as_text
from switchover.domain.exchange import Usage
from switchover.domain.ports import Finished
from switchover.errors import BadRequest, Malformed

OPENAI, ANTHROPIC = "openai_chat", "anthropic_messages"
RECORDINGS = Path(__file__).parents[2] / "recordings"
EVENT = TypeAdapter(anthropic.types.RawMessageStreamEvent)
STREAMS = ["openai_text", "openai_tools", "anthropic_text", "anthropic_tools"]


def to_messages(**fields):
    sent = {"model": "r", "messages": [{"role": "user", "content": "hi"}], **fields}
    body, dropped = translate_request(msgspec.json.encode(sent), OPENAI, ANTHROPIC, "claude")
    return msgspec.json.decode(body), dropped


def to_chat(model="big-1", **fields):
    sent = {"model": "r", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **fields}
    body, dropped = translate_request(msgspec.json.encode(sent), ANTHROPIC, OPENAI, model)
    return msgspec.json.decode(body), dropped


CHAT_TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Which?"}]},
    {
        "role": "assistant",
        "content": "Looking.",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
            {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ],
    },
    {"role": "tool", "tool_call_id": "a", "content": "one"},
    {"role": "tool", "tool_call_id": "b", "content": "two"},
    {"role": "user", "content": "And?"},
]


def test_a_talk_with_parallel_calls_goes_to_anthropic_and_back():
    there, dropped = to_messages(messages=CHAT_TALK)
    assert dropped == ()
    assert there["system"] == "Be brief."
    assert [turn["role"] for turn in there["messages"]] == ["user", "assistant", "user"]
    results = there["messages"][2]["content"]
    assert [block.get("tool_use_id") for block in results] == ["a", "b", None]
    back, dropped = to_chat(messages=there["messages"], system=there["system"])
    assert dropped == ()
    talk = [
        {**m, "content": "Which?"} if m["content"] == [{"type": "text", "text": "Which?"}] else m for m in CHAT_TALK
    ]
    assert back["messages"] == talk


def test_what_steers_sampling_is_carried_to_anthropic():
    body, dropped = to_messages(temperature=0.5, top_p=0.9, stop="END", stream=True, max_completion_tokens=7)
    assert dropped == ()
    kept = {key: body[key] for key in ("model", "temperature", "top_p", "stop_sequences", "stream", "max_tokens")}
    assert kept == {
        "model": "claude",
        "temperature": 0.5,
        "top_p": 0.9,
        "stop_sequences": ["END"],
        "stream": True,
        "max_tokens": 7,
    }
    assert to_messages()[0]["max_tokens"] == 4096


def test_what_is_left_out_is_named():
    body, dropped = to_messages(seed=1, logprobs=True, metadata={"a": "b"}, user=None, temperature=1.5)
    assert set(dropped) == {"seed", "logprobs", "metadata", "temperature>1"}
    assert body["temperature"] == 1.0
    _, dropped = to_chat(top_k=4, metadata={"user_id": "u"}, thinking={"type": "enabled", "budget_tokens": 1024})
    assert set(dropped) == {"top_k", "metadata", "thinking"}


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2},
        {"response_format": {"type": "json_object"}},
        {"response_format": "text"},
        {"functions": [{"name": "f"}]},
        {"tools": [{"type": "custom", "custom": {"name": "f"}}]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///x"}}]}]},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "system", "content": "x"}]},
        {"messages": 3},
        {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "sometimes"},
    ],
)
def test_what_would_change_the_meaning_is_refused_towards_anthropic(fields):
    with pytest.raises(BadRequest):
        to_messages(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"output_config": {"format": {"type": "json_schema"}}},
        {"mcp_servers": [{"url": "x"}]},
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "text"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": 3}]}]},
        {"messages": [{"role": "user", "content": 3}]},
    ],
)
def test_what_would_change_the_meaning_is_refused_towards_openai(fields):
    with pytest.raises(BadRequest):
        to_chat(**fields)


@pytest.mark.parametrize(
    ("chat", "messages"),
    [
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "tool", "name": "f"}),
    ],
)
def test_tools_and_their_choice_are_carried_both_ways(chat, messages):
    schema = {"type": "object", "properties": {"x": {"type": "number"}}}
    chat_tool = {"type": "function", "function": {"name": "f", "parameters": schema, "description": "d"}}
    there, _ = to_messages(tools=[chat_tool], tool_choice=chat)
    assert there["tools"] == [{"name": "f", "input_schema": schema, "description": "d"}]
    assert there["tool_choice"] == messages
    back, _ = to_chat(tools=there["tools"], tool_choice=messages)
    assert back["tools"] == [chat_tool]
    assert back["tool_choice"] == chat


def test_one_call_at_a_time_is_carried_both_ways():
    tool = {"type": "function", "function": {"name": "f"}}
    there, _ = to_messages(tools=[tool], parallel_tool_calls=False)
    assert there["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    back, _ = to_chat(tools=there["tools"], tool_choice=there["tool_choice"])
    assert back["parallel_tool_calls"] is False


@pytest.mark.parametrize("url", ["https://x.example/y.png", "data:image/png;base64,AAAA"])
def test_images_are_carried_both_ways(url):
    parts = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": url}}]
    there, _ = to_messages(messages=[{"role": "user", "content": parts}])
    assert there["messages"][0]["content"][1]["type"] == "image"
    assert to_chat(messages=there["messages"])[0]["messages"][0]["content"] == parts


def test_the_limit_bears_the_name_the_model_knows():
    assert to_chat(model="gpt-4.1")[0]["max_tokens"] == 9
    assert to_chat(model="gpt-5-mini")[0]["max_completion_tokens"] == 9


COMPLETION = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "big-1",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "logprobs": None,
            "message": {
                "role": "assistant",
                "content": "Looking.",
                "refusal": None,
                "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
                    {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
                ],
            },
        }
    ],
    "usage": {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "total_tokens": 11,
        "prompt_tokens_details": {"cached_tokens": 4},
    },
}


def test_an_answer_goes_to_anthropic_and_back_in_the_sdks_types():
    sent = msgspec.json.encode(COMPLETION)
    there = translate_answer(sent, OPENAI, ANTHROPIC, model="m")
    message = anthropic.types.Message.model_validate_json(there)
    assert [block.type for block in message.content] == ["text", "tool_use", "tool_use"]
    assert message.stop_reason == "tool_use"
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (5, 4)
    back = translate_answer(there, ANTHROPIC, OPENAI, model="m")
    openai.types.chat.ChatCompletion.model_validate_json(back)
    assert msgspec.json.decode(back) == {**COMPLETION, "created": 0}


@pytest.mark.parametrize("arguments", ["", "null", "[1]", '{"x":'])
def test_broken_tool_arguments_are_never_dispatched(arguments):
    answer = msgspec.convert(COMPLETION, dict)
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    sent = msgspec.json.encode({**answer, "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}]})
    if arguments == "":
        assert b'"input":{}' in translate_answer(sent, OPENAI, ANTHROPIC, model="m")
        return
    with pytest.raises(Malformed) as caught:
        translate_answer(sent, OPENAI, ANTHROPIC, model="m")
    assert caught.value.fault == "tool-arguments-broken"


def other(name):
    return (OPENAI, ANTHROPIC) if name.startswith("openai") else (ANTHROPIC, OPENAI)


def translated(name, body, step=None):
    source, target = other(name)
    decoder, translator = DIALECTS[source].decoder(), StreamTranslator(source, target, "m")
    step = step or max(1, len(body))
    out = b"".join(translator.feed(decoder.feed(body[i : i + step])) for i in range(0, len(body), step))
    return out + translator.close() if isinstance(decoder.close(), Finished) else out


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_told_in_the_other_dialects_types_and_whole(name):
    body = (RECORDINGS / f"{name}.sse").read_bytes()
    source, target = other(name)
    out = translated(name, body)
    assert translated(name, body, 7) == out
    for kind, data in events(out):
        if target == ANTHROPIC:
            assert EVENT.validate_json(data).type == kind.decode()
        elif data != b"[DONE]":
            openai.types.chat.ChatCompletionChunk.model_validate_json(data, strict=True)
    decoder = DIALECTS[target].decoder()
    assert decoder.feed(out) == out
    assert decoder.finished
    first = DIALECTS[source].decoder()
    first.feed(body)
    assert decoder.usage == first.usage
    assert decoder.usage != Usage()
    assert decoder.model == first.model
    assert text_of_answer(target, True, out) == text_of_answer(source, True, body)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_told_there_and_back_says_the_same(name):
    body = (RECORDINGS / f"{name}.sse").read_bytes()
    source, target = other(name)
    back = StreamTranslator(target, source, "m").feed(translated(name, body))
    assert tool_calls(source, back) == tool_calls(source, body)
    decoder, first = DIALECTS[source].decoder(), DIALECTS[source].decoder()
    decoder.feed(back)
    first.feed(body)
    assert decoder.close() == first.close()


def tool_calls(dialect, body):
    """Name and parsed arguments of every call of a streamed answer."""
    calls = {}
    for _, data in events(body):
        event = {} if data == b"[DONE]" else msgspec.json.decode(data)
        if dialect == OPENAI:
            for choice in event.get("choices", ()):
                for call in choice["delta"].get("tool_calls", ()):
                    made = calls.setdefault(call["index"], {"name": "", "arguments": ""})
                    made["name"] += call["function"].get("name", "")
                    made["arguments"] += call["function"].get("arguments", "")
        elif event["type"] == "content_block_start" and event["content_block"]["type"] == "tool_use":
            calls[event["index"]] = {"name": event["content_block"]["name"], "arguments": ""}
        elif event["type"] == "content_block_delta" and event["index"] in calls:
            calls[event["index"]]["arguments"] += event["delta"]["partial_json"]
    return [(call["name"], msgspec.json.decode(call["arguments"] or "{}")) for _, call in sorted(calls.items())]


@pytest.mark.parametrize("name", STREAMS)
def test_a_cut_stream_never_ends_cleanly_in_the_other_dialect(name):
    body = (RECORDINGS / f"{name}.sse").read_bytes()
    source, target = other(name)
    for position in range(0, len(body), 5):
        decoder = DIALECTS[source].decoder()
        decoder.feed(body[:position])
        if not isinstance(decoder.close(), Finished):
            there = DIALECTS[target].decoder()
            there.feed(translated(name, body[:position]))
            assert not isinstance(there.close(), Finished)


def test_a_lost_done_is_made_up_for_only_when_the_answer_is_whole():
    body = (RECORDINGS / "openai_text.sse").read_bytes().replace(b"data: [DONE]\n\n", b"")
    assert translated("openai_text", body).endswith(b'data: {"type":"message_stop"}\n\n')


def test_the_usage_chunk_is_sent_only_to_who_asked():
    body = (RECORDINGS / "anthropic_text.sse").read_bytes()
    for asked in (True, False):
        out = StreamTranslator(ANTHROPIC, OPENAI, "m", include_usage=asked).feed(body)
        assert (b'"choices":[]' in out) is asked


def test_the_text_of_an_answer():
    calls = [("f", '{"x": 1}'), ("g", "{}")]
    assert text_of_answer(OPENAI, False, msgspec.json.encode(COMPLETION)) == as_text("Looking.", calls)
    assert text_of_answer(OPENAI, False, b"<html>") is None
    assert text_of_answer(OPENAI, True, b"data: {\n\n") is None


CLOSED = {
    "type": "object",
    "properties": {"item": {"type": "string"}, "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}}},
    "required": ["item", "parts"],
    "additionalProperties": False,
    "$defs": {
        "part": {
            "type": "object",
            "properties": {"n": {"type": "integer"}},
            "required": ["n"],
            "additionalProperties": False,
        }
    },
}
OPEN = [
    {**CLOSED, "required": ["item"]},
    {**CLOSED, "additionalProperties": True},
    {"type": "object"},
    {**CLOSED, "$defs": {"part": {"type": "object", "properties": {"n": {}}, "additionalProperties": False}}},
    {"anyOf": [{"type": "null"}, {"type": "object", "properties": {}}]},
]


def test_a_schema_for_the_answer_is_carried_towards_anthropic():
    wanted = {"type": "json_schema", "json_schema": {"name": "claim", "strict": True, "schema": CLOSED}}
    body, dropped = to_messages(response_format=wanted)
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": CLOSED}}
    assert dropped == ()
    assert "output_config" not in to_messages(response_format={"type": "text"})[0]


@pytest.mark.parametrize(("schema", "strict"), [(CLOSED, True), *((schema, False) for schema in OPEN)])
def test_a_schema_for_the_answer_is_carried_towards_openai_strict_where_that_takes_it(schema, strict):
    body, dropped = to_chat(output_config={"format": {"type": "json_schema", "schema": schema}, "effort": "low"})
    carried = {"name": "answer", "schema": schema, "strict": strict}
    assert body["response_format"] == {"type": "json_schema", "json_schema": carried}
    assert dropped == ("output_config.effort",)


def test_a_strict_tool_stays_strict_where_the_other_side_takes_its_schema():
    tool = {"type": "function", "function": {"name": "f", "parameters": CLOSED, "strict": True}}
    body, dropped = to_messages(tools=[tool])
    assert body["tools"] == [{"name": "f", "input_schema": CLOSED, "strict": True}]
    assert dropped == ()
    body, dropped = to_chat(tools=[{"name": "f", "input_schema": CLOSED, "strict": True}])
    assert body["tools"] == [tool]
    assert dropped == ()
    body, dropped = to_chat(tools=[{"name": "f", "input_schema": OPEN[0], "strict": True}])
    assert "strict" not in body["tools"][0]["function"]
    assert dropped == ("tools.strict",)


def test_names_and_details_that_have_no_place_at_anthropic_are_named():
    image = {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "high"}}
    _, dropped = to_messages(messages=[{"role": "user", "name": "ann", "content": [image]}])
    assert set(dropped) == {"messages.name", "image_url.detail"}
    image["image_url"]["detail"] = "auto"
    assert to_messages(messages=[{"role": "user", "content": [image]}])[1] == ()
