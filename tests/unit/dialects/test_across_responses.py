"""OpenAI's responses told in the other dialects, and back."""

import msgspec
import openai.types.chat
import openai.types.responses
import pytest

from switchover.dialects import DIALECTS
from switchover.dialects.across import translate_answer, translate_request
from switchover.domain.exchange import Usage
from switchover.errors import BadRequest, Malformed

CHAT, RESPONSES, MESSAGES = "openai_chat", "openai_responses", "anthropic_messages"
OTHERS = [CHAT, MESSAGES]


def asked(target=CHAT, model="big-1", **fields):
    body, dropped = translate_request(
        msgspec.json.encode({"model": "r", "input": "hi", **fields}), RESPONSES, target, model
    )
    return msgspec.json.decode(body), dropped


def asked_of_chat(**fields):
    sent = {"model": "r", "messages": [{"role": "user", "content": "hi"}], **fields}
    body, dropped = translate_request(msgspec.json.encode(sent), CHAT, RESPONSES, "big-1")
    return msgspec.json.decode(body), dropped


TALK = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": [{"type": "input_text", "text": "Which?"}]},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
    {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Looking.", "annotations": []}],
    },
    {"type": "function_call", "call_id": "a", "name": "f", "arguments": '{"x":1}', "id": "fc_a"},
    {"type": "reasoning", "id": "rs_2", "summary": []},
    {"type": "function_call", "call_id": "b", "name": "g", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "a", "output": "one"},
    {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_text", "text": "two"}]},
    {"role": "user", "content": "And?"},
]
CHAT_TALK = [
    {"role": "system", "content": "Help."},
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Which?"},
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


def test_a_talk_with_parallel_calls_is_carried_and_its_reasoning_named():
    body, dropped = asked(input=TALK, instructions="Help.")
    assert body["messages"] == CHAT_TALK
    assert dropped == ("reasoning items",)


def test_a_call_without_words_before_it_makes_its_own_message():
    calls = [item for item in TALK if item.get("type") == "function_call"]
    body, _ = asked(input=[TALK[1], *calls])
    assert body["messages"][1]["content"] is None
    assert [call["id"] for call in body["messages"][1]["tool_calls"]] == ["a", "b"]


def test_a_talk_of_the_chat_is_carried_and_told_back():
    there, dropped = asked_of_chat(messages=CHAT_TALK)
    assert dropped == ()
    assert [item.get("type", item.get("role")) for item in there["input"]] == [
        "system",
        "system",
        "user",
        "assistant",
        "function_call",
        "function_call",
        "function_call_output",
        "function_call_output",
        "user",
    ]
    assert asked(**there)[0]["messages"] == CHAT_TALK


def test_a_talk_reaches_anthropic_by_way_of_the_chat():
    body, dropped = asked(MESSAGES, "claude", input=TALK, instructions="Help.", max_output_tokens=7)
    assert (body["model"], body["max_tokens"], body["system"]) == ("claude", 7, "Help.\n\nBe brief.")
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert [block.get("tool_use_id") for block in body["messages"][2]["content"]] == ["a", "b", None]
    assert dropped == ("reasoning items",)


def test_a_talk_of_anthropic_s_reaches_responses():
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "Which?"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "one"}]},
    ]
    sent = {"model": "r", "max_tokens": 9, "system": "Help.", "messages": turns, "top_k": 4}
    body, dropped = translate_request(msgspec.json.encode(sent), MESSAGES, RESPONSES, "big-1")
    told = msgspec.json.decode(body)
    assert told["input"] == [
        {"role": "system", "content": "Help."},
        {"role": "user", "content": "Which?"},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": '{"x":1}'},
        {"type": "function_call_output", "call_id": "a", "output": "one"},
    ]
    assert (told["max_output_tokens"], told["store"], dropped) == (9, False, ("top_k",))


def test_what_steers_the_answer_is_carried_to_the_chat():
    body, dropped = asked(temperature=0.5, top_p=0.9, stream=True, max_output_tokens=7, store=False)
    assert dropped == ()
    assert body == {
        "model": "big-1",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_what_steers_the_answer_is_carried_from_the_chat():
    body, dropped = asked_of_chat(
        temperature=0.5, stream=True, stream_options={"include_usage": True}, max_completion_tokens=7, user="u",
        reasoning_effort="low", verbosity="low", parallel_tool_calls=False, metadata={"a": "b"}, n=1,
    )  # fmt: skip
    assert dropped == ()
    assert body == {
        "model": "big-1",
        "input": [{"role": "user", "content": "hi"}],
        "store": False,
        "temperature": 0.5,
        "stream": True,
        "parallel_tool_calls": False,
        "metadata": {"a": "b"},
        "user": "u",
        "max_output_tokens": 7,
        "text": {"verbosity": "low"},
        "reasoning": {"effort": "low"},
    }


def test_how_much_to_reason_is_carried_to_models_that_know_it():
    body, dropped = asked(model="gpt-5-mini", reasoning={"effort": "low", "summary": "auto"}, max_output_tokens=9)
    assert (body["reasoning_effort"], body["max_completion_tokens"]) == ("low", 9)
    assert dropped == ("reasoning.summary",)
    body, dropped = asked(reasoning={"effort": "low", "summary": None})
    assert "reasoning_effort" not in body
    assert dropped == ("reasoning.effort",)


def test_what_is_left_out_is_named():
    _, dropped = asked(
        metadata={"a": "b"}, store=True, service_tier="flex", include=["reasoning.encrypted_content"], user=None,
        truncation="auto", text={"verbosity": "low"}, prompt_cache_key="k", top_logprobs=2,
    )  # fmt: skip
    assert set(dropped) == {
        "metadata", "store", "service_tier", "include", "truncation", "text.verbosity", "prompt_cache_key",
        "top_logprobs",
    }  # fmt: skip
    _, dropped = asked_of_chat(seed=1, logit_bias={"1": 2}, frequency_penalty=0.5)
    assert set(dropped) == {"seed", "logit_bias", "frequency_penalty"}


@pytest.mark.parametrize("target", OTHERS)
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"previous_response_id": "resp_1"}, "the whole input"),
        ({"conversation": "conv_1"}, "the whole input"),
        ({"prompt": {"id": "pmpt_1"}}, "the whole input"),
        ({"background": True}, "`background`"),
        ({"moderation": {"model": "m"}}, "`moderation`"),
        ({"tools": [{"type": "web_search"}]}, "`web_search`"),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}, "`file_search`"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "`mcp`"),
        ({"tools": [{"type": "custom", "name": "x"}]}, "`custom`"),
        ({"tools": [{"type": "function", "name": "f"}], "tool_choice": {"type": "web_search"}}, "`tool_choice`"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "`item_reference`"),
        ({"input": [{"type": "web_search_call", "id": "ws_1"}]}, "`web_search_call`"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}]}, "`input_image`"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]}, "`input_file`"),
        ({"input": [{"role": "critic", "content": "x"}]}, "`critic`"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "`call_id`"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "`call_id`"),
        ({"input": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}, "`input_audio`"),
        ({"text": {"format": {"type": "grammar"}}}, "`text.format`"),
        ({"input": 3}, r"\$\.input"),
    ],
)  # fmt: skip
def test_what_would_change_the_meaning_is_refused(target, fields, says):
    with pytest.raises(BadRequest, match=says):
        asked(target, **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2},
        {"stop": "END"},
        {"functions": [{"name": "f"}]},
        {"response_format": {"type": "grammar"}},
        {"tools": [{"type": "custom", "custom": {"name": "f"}}]},
        {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": {"type": "custom"}},
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "function", "content": "x"}]},
    ],
)
def test_what_would_change_the_meaning_is_refused_towards_responses(fields):
    with pytest.raises(BadRequest):
        asked_of_chat(**fields)


SCHEMA = {"type": "object", "properties": {"x": {"type": "number"}}}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("responses", "chat"),
    [
        ("auto", "auto"),
        ("required", "required"),
        ("none", "none"),
        ({"type": "function", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_functions_and_their_choice_are_carried_both_ways(responses, chat, strict):
    tool = {"type": "function", "name": "f", "parameters": SCHEMA, "description": "d", "strict": strict}
    there, dropped = asked(tools=[tool], tool_choice=responses, parallel_tool_calls=False)
    assert dropped == ()
    assert there["tools"] == [{"type": "function", "function": {k: v for k, v in tool.items() if k != "type"}}]
    assert (there["tool_choice"], there["parallel_tool_calls"]) == (chat, False)
    back, _ = asked_of_chat(tools=there["tools"], tool_choice=chat, parallel_tool_calls=False)
    assert (back["tools"], back["tool_choice"], back["parallel_tool_calls"]) == ([tool], responses, False)


def test_functions_of_the_chat_stay_lenient_unless_they_are_strict():
    body, _ = asked_of_chat(tools=[{"type": "function", "function": {"name": "f"}}])
    assert body["tools"] == [{"type": "function", "name": "f", "parameters": None, "strict": False}]


def test_to_allow_some_functions_is_to_offer_these_alone():
    tools = [{"type": "function", "name": name, "parameters": SCHEMA} for name in "fg"]
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]}
    body, _ = asked(tools=tools, tool_choice=allowed)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["g"]
    assert body["tool_choice"] == "required"
    with pytest.raises(BadRequest, match="allows none"):
        asked(tools=tools, tool_choice={**allowed, "tools": [{"type": "function", "name": "h"}]})


def test_a_schema_is_carried_both_ways_and_to_anthropic():
    wanted = {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True}
    there, _ = asked(text={"format": wanted})
    assert there["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "place", "schema": SCHEMA, "strict": True},
    }
    assert asked_of_chat(response_format=there["response_format"])[0]["text"] == {"format": wanted}
    assert asked(text={"format": {"type": "json_object"}})[0]["response_format"] == {"type": "json_object"}
    assert asked_of_chat(response_format={"type": "text"})[0]["text"] == {"format": {"type": "text"}}
    there, _ = asked(MESSAGES, text={"format": wanted})
    assert there["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    with pytest.raises(BadRequest, match="json_schema"):
        asked(MESSAGES, text={"format": {"type": "json_object"}})


@pytest.mark.parametrize("url", ["https://x.example/y.png", "data:image/png;base64,AAAA"])
def test_images_are_carried_both_ways(url):
    parts = [{"type": "input_text", "text": "What?"}, {"type": "input_image", "image_url": url, "detail": "low"}]
    there, _ = asked(input=[{"role": "user", "content": parts}])
    assert there["messages"][0]["content"] == [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
    ]
    assert asked_of_chat(messages=there["messages"])[0]["input"] == [{"role": "user", "content": parts}]
    body, _ = asked(MESSAGES, input=[{"role": "user", "content": parts}])
    assert body["messages"][0]["content"][1]["type"] == "image"


def test_files_are_carried_with_their_data():
    part = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}
    there, _ = asked(input=[{"role": "user", "content": [part]}])
    assert there["messages"][0]["content"][0]["type"] == "file"
    assert asked_of_chat(messages=there["messages"])[0]["input"] == [{"role": "user", "content": [part]}]


def completion(reason="tool_calls", **message):
    said = {"role": "assistant", "content": None, "refusal": None, **message}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 0,
        "model": "big-1",
        "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": reason}],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 2,
            "total_tokens": 11,
            "prompt_tokens_details": {"cached_tokens": 4},
        },
    }


CALLS = CHAT_TALK[3]["tool_calls"]


def told(answer, source, target):
    return translate_answer(msgspec.json.encode(answer), source, target, model="m")


def test_an_answer_goes_to_responses_and_back_in_the_sdks_types():
    sent = completion(content="Looking.", tool_calls=CALLS)
    there = openai.types.responses.Response.model_validate_json(told(sent, CHAT, RESPONSES))
    assert [item.type for item in there.output] == ["message", "function_call", "function_call"]
    assert (there.status, there.output_text, there.model, there.store) == ("completed", "Looking.", "big-1", False)
    assert [call.call_id for call in there.output[1:]] == ["a", "b"]
    assert (there.usage.input_tokens, there.usage.input_tokens_details.cached_tokens) == (9, 4)
    back = told(there.model_dump(mode="json"), RESPONSES, CHAT)
    openai.types.chat.ChatCompletion.model_validate_json(back)
    assert msgspec.json.decode(back) == {**sent, "id": "resp_unkept_c1"}


def test_an_answer_goes_between_anthropic_and_responses():
    message = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "Looking."},
            {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 5,
            "cache_read_input_tokens": 4,
            "output_tokens": 2,
            "cache_creation_input_tokens": 0,
        },
    }
    there = told(message, MESSAGES, RESPONSES)
    whole = DIALECTS[RESPONSES].read_answer(there)
    assert (whole.text, whole.usage) == ("Looking.", Usage(input=9, output=2, cached_input=4))
    assert whole.tool_calls[0].arguments == '{"x":1}'
    back = msgspec.json.decode(told(msgspec.json.decode(there), RESPONSES, MESSAGES))
    assert back == {**message, "id": "resp_unkept_m1", "content": message["content"][1:]}


@pytest.mark.parametrize(
    ("reason", "status", "why"),
    [
        ("stop", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
        ("something_new", "incomplete", "something_new"),
    ],
)
def test_why_an_answer_ended_is_carried_both_ways(reason, status, why):
    there = msgspec.json.decode(told(completion(reason, content="x"), CHAT, RESPONSES))
    assert there["status"] == status
    assert (there["incomplete_details"] or {}).get("reason") == why
    back = msgspec.json.decode(told(there, RESPONSES, CHAT))
    assert back["choices"][0]["finish_reason"] == reason


def test_a_refusal_stays_a_refusal_both_ways():
    there = told(completion("stop", refusal="I won't."), CHAT, RESPONSES)
    parsed = openai.types.responses.Response.model_validate_json(there)
    assert parsed.output[0].content[0].refusal == "I won't."
    back = msgspec.json.decode(told(msgspec.json.decode(there), RESPONSES, CHAT))
    assert back["choices"][0]["message"] == {"role": "assistant", "content": None, "refusal": "I won't."}


def test_a_call_without_arguments_gets_an_object():
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    there = msgspec.json.decode(told(completion(tool_calls=[call]), CHAT, RESPONSES))
    assert there["output"][0]["arguments"] == "{}"


def test_broken_arguments_are_never_dispatched_at_anthropic():
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":'}}
    there = msgspec.json.decode(told(completion(tool_calls=[call]), CHAT, RESPONSES))
    assert there["output"][0]["arguments"] == '{"x":'
    with pytest.raises(Malformed) as caught:
        told(there, RESPONSES, MESSAGES)
    assert caught.value.fault == "tool-arguments-broken"


def test_what_is_no_answer_is_not_told():
    with pytest.raises(Malformed):
        translate_answer(b"<html>", CHAT, RESPONSES, model="m")
    with pytest.raises(Malformed):
        translate_answer(b'{"status":"failed"}', RESPONSES, CHAT, model="m")
