"""The official SDKs, unmodified, straight against the fake vendor."""

from __future__ import annotations

import json

import anthropic
import openai
import pytest

from switchover.testing.fake_vendor import FakeVendor

KNOWN = {"My roof leaks": "new_claim", "Report: bike": '{"policy": "HM-1", "amount": 900, "injury": false}'}
TOOL = {
    "type": "object",
    "properties": {"policy": {"type": "string"}, "amount": {"type": "number"}, "desk": {"enum": ["a", "new_claim"]}},
}
CHAT_TOOL = {"type": "function", "function": {"name": "file_claim", "parameters": TOOL}}
MESSAGES_TOOL = {"name": "file_claim", "input_schema": TOOL}


@pytest.fixture(scope="module")
def vendor():
    with FakeVendor(KNOWN, key="k-1") as running:
        yield running


@pytest.fixture
def chat(vendor):
    vendor.control("normal")
    with openai.OpenAI(base_url=f"{vendor.url}/v1", api_key="k-1", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(vendor):
    vendor.control("normal")
    with anthropic.Anthropic(base_url=vendor.url, api_key="k-1", max_retries=0) as client:
        yield client


def said(text="My roof leaks"):
    return [{"role": "user", "content": text}]


def test_openai_reads_a_whole_answer(chat):
    reply = chat.chat.completions.create(model="big-1", messages=[{"role": "system", "content": "Sort."}, *said()])
    assert reply.choices[0].message.content == "new_claim"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.model == "big-1"
    assert reply.id.startswith("chatcmpl-")
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0


def test_openai_reads_a_stream_with_usage(chat):
    stream = chat.chat.completions.create(
        model="big-1", messages=said(), stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "new_claim"
    assert chunks[-1].usage.completion_tokens == 3
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert len({c.id for c in chunks}) == 1


def test_openai_reads_a_forced_tool_call(chat):
    reply = chat.chat.completions.create(
        model="big-1", messages=said("Report: bike"), tools=[CHAT_TOOL], tool_choice="required"
    )
    call = reply.choices[0].message.tool_calls[0]
    assert reply.choices[0].finish_reason == "tool_calls"
    assert (call.function.name, json.loads(call.function.arguments)) == (
        "file_claim",
        {"policy": "HM-1", "amount": 900, "desk": "a"},
    )


def test_openai_reads_a_streamed_tool_call_that_the_text_asks_for(chat):
    with chat.chat.completions.stream(
        model="big-1", messages=said("Please use file_claim"), tools=[CHAT_TOOL]
    ) as stream:
        final = stream.get_final_completion()
    call = final.choices[0].message.tool_calls[0]
    assert set(json.loads(call.function.arguments)) == {"policy", "amount", "desk"}


def test_tools_that_nobody_asks_for_are_left_alone(chat):
    reply = chat.chat.completions.create(model="big-1", messages=said(), tools=[CHAT_TOOL])
    assert reply.choices[0].message.content == "new_claim"


def test_openai_lists_models(chat):
    assert [m.id for m in chat.models.list()] == ["big-1", "big-2"]


def test_anthropic_reads_a_whole_answer(claude):
    reply = claude.messages.create(model="big-1", max_tokens=50, system="Sort.", messages=said())
    assert (reply.content[0].text, reply.stop_reason) == ("new_claim", "end_turn")
    assert reply.usage.input_tokens > 0
    assert reply.usage.output_tokens == 3


def test_anthropic_reads_a_stream(claude):
    with claude.messages.stream(model="big-1", max_tokens=50, messages=said()) as stream:
        assert "".join(stream.text_stream) == "new_claim"
        final = stream.get_final_message()
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 3)


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_reads_a_tool_call(claude, stream):
    asked = {
        "model": "big-1",
        "max_tokens": 200,
        "messages": said("Report: bike"),
        "tools": [MESSAGES_TOOL],
        "tool_choice": {"type": "tool", "name": "file_claim"},
    }
    if stream:
        with claude.messages.stream(**asked) as events:
            reply = events.get_final_message()
    else:
        reply = claude.messages.create(**asked)
    assert reply.stop_reason == "tool_use"
    assert (reply.content[0].name, reply.content[0].input["policy"]) == ("file_claim", "HM-1")


def test_anthropic_lists_models(claude):
    assert [m.id for m in claude.models.list()] == ["big-1", "big-2"]


def test_a_limit_ends_an_answer_early_and_says_so(chat, claude):
    reply = chat.chat.completions.create(model="big-1", messages=said(), max_tokens=1)
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("new_", "length")
    assert claude.messages.create(model="big-1", max_tokens=1, messages=said()).stop_reason == "max_tokens"


def test_a_wrong_key_is_refused_in_each_dialect(vendor):
    with (
        openai.OpenAI(base_url=f"{vendor.url}/v1", api_key="no", max_retries=0) as chat,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        chat.chat.completions.create(model="big-1", messages=said())
    assert refused.value.code == "invalid_api_key"
    with (
        anthropic.Anthropic(base_url=vendor.url, api_key="no", max_retries=0) as claude,
        pytest.raises(anthropic.AuthenticationError) as turned,
    ):
        claude.messages.create(model="big-1", max_tokens=5, messages=said())
    assert turned.value.body["error"]["type"] == "authentication_error"


@pytest.mark.parametrize(
    ("mode", "status"), [("denied", 401), ("forbidden", 403), ("vanished", 404), ("overloaded", 529), ("failing", 500)]
)
def test_each_mode_shows_its_status_in_each_dialect(vendor, chat, claude, mode, status):
    vendor.control(mode)
    with pytest.raises(openai.APIStatusError) as one:
        chat.chat.completions.create(model="big-1", messages=said())
    with pytest.raises(anthropic.APIStatusError) as other:
        claude.messages.create(model="big-1", max_tokens=5, messages=said())
    assert (one.value.status_code, other.value.status_code) == (status, status)
    assert other.value.body["type"] == "error"


def test_a_cut_stream_has_no_proper_end(vendor, chat):
    vendor.control("cut")
    stream = chat.chat.completions.create(model="big-1", messages=said("Report: bike"), stream=True)
    seen = []
    with pytest.raises(Exception, match=r"(?i)incomplete|peer|reset|connection|closed"):
        seen.extend(stream)
    assert all(c.choices[0].finish_reason is None for c in seen)


def test_a_cut_body_is_an_error_too(vendor, claude):
    vendor.control("cut")
    with pytest.raises(anthropic.APIConnectionError):
        claude.messages.create(model="big-1", max_tokens=50, messages=said())


def test_a_closed_listener_refuses_and_returns_on_the_same_port(vendor, chat):
    vendor.control("refused")
    with pytest.raises(openai.APIConnectionError):
        chat.chat.completions.create(model="big-1", messages=said())
    vendor.control("normal")
    assert chat.chat.completions.create(model="big-1", messages=said()).choices[0].message.content == "new_claim"


def test_a_slow_vendor_outlasts_the_callers_patience(vendor, chat):
    vendor.control("slow", seconds=5)
    with pytest.raises(openai.APITimeoutError):
        chat.with_options(timeout=0.1).chat.completions.create(model="big-1", messages=said())


def test_bad_requests_are_answered_with_400(chat, claude):
    with pytest.raises(openai.BadRequestError):
        chat.chat.completions.create(model="big-1", messages=[])
    with pytest.raises(anthropic.BadRequestError):
        claude.messages.create(model="", max_tokens=5, messages=said())
