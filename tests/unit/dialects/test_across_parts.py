"""Files, pictures, what tools return, and how much to reason, from one dialect to another."""

from __future__ import annotations

import base64

import msgspec
import pytest

from switchover.dialects import DIALECTS
from switchover.dialects.across import translate_request
from switchover.errors import BadRequest

CHAT, RESPONSES, MESSAGES = "openai_chat", "openai_responses", "anthropic_messages"
PDF = "JVBERi0xLjQ="
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}


def paper(**more):
    return {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}, **more}


def told(source, target, model="claude-opus-5-5", **fields):
    body, dropped = translate_request(msgspec.json.encode({"model": "r", **fields}), source, target, model)
    return msgspec.json.decode(body), dropped


def said(*blocks):
    return [{"role": "user", "content": list(blocks)}]


def test_a_pdf_goes_to_the_chat_and_back_with_its_name():
    there, dropped = told(MESSAGES, CHAT, max_tokens=9, messages=said(paper(title="Policy.pdf")))
    (part,) = there["messages"][0]["content"]
    file = {"filename": "Policy.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}
    assert part == {"type": "file", "file": file}
    back, more = told(CHAT, MESSAGES, messages=there["messages"])
    assert back["messages"] == said(paper(title="Policy.pdf"))
    assert dropped == more == ()


def test_a_document_of_text_or_blocks_becomes_words_and_pictures_under_its_title():
    blocks = [{"type": "text", "text": "first"}, PICTURE]
    documents = [
        {"type": "document", "title": "A", "context": "From 2026.", "source": {"type": "text", "data": "words"}},
        {"type": "document", "title": "B", "source": {"type": "content", "content": blocks}},
    ]
    there, _ = told(MESSAGES, CHAT, max_tokens=9, messages=said(*documents))
    parts = there["messages"][0]["content"]
    assert [part.get("text", part["type"]) for part in parts] == [
        "From 2026.", "A", "words", "B", "first", "image_url",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "source"),
    [
        (PDF, {"type": "base64", "media_type": "application/pdf", "data": PDF}),
        (
            f"data:application/pdf;name=a.pdf;base64,{PDF}",
            {"type": "base64", "media_type": "application/pdf", "data": PDF},
        ),
        (
            "data:text/plain;charset=utf-8;base64," + base64.b64encode("é".encode()).decode(),
            {"type": "text", "media_type": "text/plain", "data": "é"},
        ),
    ],
)
def test_a_file_is_known_by_its_data_url_or_by_how_it_begins(data, source):
    there, _ = told(CHAT, MESSAGES, messages=said({"type": "file", "file": {"file_data": data}}))
    assert there["messages"][0]["content"] == [{"type": "document", "source": source}]


@pytest.mark.parametrize(
    "file", [{"file_data": "AAAA"}, {"file_data": "data:text/plain;base64,/w=="}, {"file_id": "f"}, {}]
)
def test_any_other_file_is_refused_with_what_to_send(file):
    with pytest.raises(BadRequest, match=r"send|no text"):
        told(CHAT, MESSAGES, messages=said({"type": "file", "file": file}))


CALLS = [{"type": "tool_use", "id": n, "name": "look", "input": {}} for n in "ab"]


def results(*contents, then=()):
    blocks = [{"type": "tool_result", "tool_use_id": n, **one} for n, one in zip("ab", contents, strict=True)]
    return [*said({"type": "text", "text": "?"}), {"role": "assistant", "content": CALLS}, *said(*blocks, *then)]


def test_the_results_of_parallel_calls_stay_together_and_their_pictures_follow():
    talk = results({"content": [{"type": "text", "text": "one"}, PICTURE]}, {"content": [PICTURE]},
                   then=[{"type": "text", "text": "And?"}])  # fmt: skip
    there, dropped = told(MESSAGES, CHAT, max_tokens=9, messages=talk)
    assert [message["role"] for message in there["messages"]] == ["user", "assistant", "tool", "tool", "user", "user"]
    assert [message["content"] for message in there["messages"][2:4]] == ["one", "What it returned follows."]
    shown = there["messages"][4]["content"]
    assert [part.get("text", part["type"]) for part in shown] == [
        "What the call a returned:", "image_url", "What the call b returned:", "image_url",
    ]  # fmt: skip
    assert there["messages"][5]["content"] == "And?"
    assert dropped == ()


def test_a_picture_that_a_tool_returned_stays_its_result_between_anthropic_and_responses():
    there, _ = told(MESSAGES, RESPONSES, max_tokens=9, messages=results({"content": [PICTURE]}, {"content": "two"}))
    outputs = [item["output"] for item in there["input"] if item.get("type") == "function_call_output"]
    assert outputs == [
        [{"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}],
        "two",
    ]
    back, _ = told(RESPONSES, MESSAGES, input=there["input"])
    assert [block["content"] for block in back["messages"][2]["content"]] == [[PICTURE], "two"]


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({"content": "no such city", "is_error": True}, "The tool failed.\n\nno such city"),
        ({"is_error": True}, "The tool failed."),
        ({"content": "fine", "is_error": False}, "fine"),
        ({}, ""),
    ],
)
def test_a_tool_that_failed_says_so_in_words(result, text):
    there, dropped = told(MESSAGES, CHAT, max_tokens=9, messages=results(result, {"content": "two"}))
    assert there["messages"][2]["content"] == text
    assert dropped == ()


def test_a_refusal_in_an_earlier_turn_is_not_lost():
    talk = [*said({"type": "text", "text": "?"}), {"role": "assistant", "content": None, "refusal": "I won't."}]
    assert told(CHAT, MESSAGES, messages=talk)[0]["messages"][1]["content"] == [{"type": "text", "text": "I won't."}]


@pytest.mark.parametrize("field", ["function_call", "audio"])
def test_a_message_that_rests_on_more_than_its_words_is_refused(field):
    talk = [
        *said({"type": "text", "text": "?"}),
        {"role": "assistant", "content": None, field: {"id": "a", "name": "f"}},
    ]
    for target in (MESSAGES, RESPONSES):
        with pytest.raises(BadRequest, match=field):
            told(CHAT, target, messages=talk)


@pytest.mark.parametrize(
    ("model", "effort", "wanted"),
    [
        ("claude-opus-5-5", "xhigh", {"output_config": {"effort": "xhigh"}}),
        ("claude-opus-4-5-20251101", "low", {"output_config": {"effort": "low"}}),
        ("claude-opus-4-6", "xhigh", {"output_config": {"effort": "high"}}),
        ("claude-opus-4-8", "max", {"output_config": {"effort": "max"}}),
        ("claude-sonnet-4-5", "medium", {"thinking": {"type": "enabled", "budget_tokens": 8192}}),
        ("claude-3-7-sonnet-latest", "max", {"thinking": {"type": "enabled", "budget_tokens": 10_000}}),
        ("claude-sonnet-4-20250514", "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        ("claude-opus-5-5", "none", {}),
    ],
)
def test_an_effort_is_told_as_the_model_takes_it(model, effort, wanted):
    hello = said({"type": "text", "text": "?"})
    there, dropped = told(CHAT, MESSAGES, model, messages=hello, reasoning_effort=effort, max_tokens=20_000)
    assert {name: there[name] for name in ("output_config", "thinking") if name in there} == wanted
    assert dropped == ()


def test_an_effort_joins_a_schema():
    schema = {"type": "object", "properties": {}}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    hello = said({"type": "text", "text": "?"})
    there, _ = told(CHAT, MESSAGES, messages=hello, reasoning_effort="low", response_format=wanted)
    assert there["output_config"] == {"format": {"type": "json_schema", "schema": schema}, "effort": "low"}


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": 1500},
        {"temperature": 0.5},
        {"top_p": 0.5},
        {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required"},
        {"reasoning_effort": "much"},
    ],
)
def test_no_budget_is_set_where_anthropic_would_refuse_it(fields):
    asked = {"reasoning_effort": "low", "max_tokens": 20_000, "messages": said({"type": "text", "text": "?"}), **fields}
    there, dropped = told(CHAT, MESSAGES, "claude-sonnet-4-5", **asked)
    assert "thinking" not in there
    assert dropped == ("reasoning_effort",)


@pytest.mark.parametrize(
    ("source", "target", "model", "takes"),
    [
        (CHAT, MESSAGES, "claude-opus-4-6", True),
        (CHAT, MESSAGES, "claude-sonnet-4-5-20250929", True),
        (CHAT, MESSAGES, "claude-3-5-haiku-latest", True),
        (CHAT, MESSAGES, "claude-opus-4-7", False),
        (CHAT, MESSAGES, "claude-haiku-5-5", False),
        (MESSAGES, CHAT, "gpt-4.1", True),
        (MESSAGES, CHAT, "gpt-5-chat-latest", True),
        (MESSAGES, RESPONSES, "gpt-5-mini", False),
        (MESSAGES, CHAT, "o3", False),
    ],
)
def test_sampling_is_told_only_to_models_that_take_it(source, target, model, takes):
    hello = said({"type": "text", "text": "?"})
    there, dropped = told(source, target, model, max_tokens=9, messages=hello, temperature=0.5, top_p=0.75)
    assert ("temperature" in there, "top_p" in there) == (takes, takes)
    assert dropped == (() if takes else ("temperature", "top_p"))


@pytest.mark.parametrize(
    ("budget", "effort"), [(1024, "low"), (2048, "low"), (2049, "medium"), (8192, "medium"), (60_000, "high")]
)
def test_a_budget_becomes_an_effort(budget, effort):
    thinking = {"type": "enabled", "budget_tokens": budget}
    hello = said({"type": "text", "text": "?"})
    there, dropped = told(MESSAGES, CHAT, "gpt-5-mini", max_tokens=64_000, messages=hello, thinking=thinking)
    assert (there["reasoning_effort"], dropped) == (effort, ())
    there, dropped = told(MESSAGES, CHAT, "gpt-4.1", max_tokens=64_000, messages=hello, thinking=thinking)
    assert (there.get("reasoning_effort"), dropped) == (None, ("thinking",))


NEEDS = [
    (CHAT, said({"type": "file", "file": {"file_data": PDF}}), {"files"}),
    (CHAT, said({"type": "file", "file": {"file_id": "f"}}), {"files", "state"}),
    (CHAT, said({"type": "text", "text": 'a "file" in words'}), set()),
    (MESSAGES, said(paper()), {"files"}),
    (MESSAGES, said({"type": "document", "source": {"type": "text", "data": "x"}}), set()),
    (MESSAGES, said({"type": "document", "source": {"type": "file", "file_id": "f"}}), {"files", "state"}),
    (MESSAGES, said({"type": "image", "source": {"type": "file", "file_id": "f"}}), {"vision", "state"}),
    (MESSAGES, results({"content": [PICTURE]}, {"content": "x"}), {"vision"}),
    (MESSAGES, said({"type": "document", "source": {"type": "content", "content": [PICTURE]}}), {"vision"}),
]


@pytest.mark.parametrize(("dialect", "messages", "needs"), NEEDS)
def test_what_a_message_shows_is_needed_of_a_model(dialect, messages, needs):
    body = msgspec.json.encode({"model": "r", "max_tokens": 9, "messages": messages})
    seen = DIALECTS[dialect].peek(body)
    assert seen.needs == needs
    assert not seen.holds
