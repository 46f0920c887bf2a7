"""Answers that an application could not use, and those that it could."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace

import pytest

from switchover.errors import OutOfForm
from switchover.gateway.form import check_form

PLACE = {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"], "additionalProperties": False}
FORMATS = {
    "openai_chat": lambda schema: {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}},
    "anthropic_messages": lambda schema: {"output_config": {"format": {"type": "json_schema", "schema": schema}}},
    "openai_responses": lambda schema: {"text": {"format": {"type": "json_schema", "schema": schema}}},
}
OFFERED = {
    "openai_chat": [{"type": "function", "function": {"name": "find"}}, {"type": "custom", "custom": {"name": "run"}}],
    "anthropic_messages": [{"name": "find", "input_schema": PLACE}],
    "openai_responses": [{"type": "function", "name": "find"}, {"type": "custom", "name": "run"}],
}


def answer(dialect, text=None, calls=(), reason=None):
    """A whole answer that says so much; ``calls`` are (id, name, arguments as JSON text)."""
    if dialect == "openai_chat":
        asked = [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in calls]
        message = {"role": "assistant", "content": text, "tool_calls": asked}
        return {"choices": [{"index": 0, "message": message, "finish_reason": reason or "stop"}]}
    if dialect == "anthropic_messages":
        blocks = [{"type": "text", "text": text}] if text else []
        blocks += [{"type": "tool_use", "id": i, "name": n, "input": json.loads(a)} for i, n, a in calls]
        return {"content": blocks, "stop_reason": reason or "end_turn"}
    items = [{"type": "message", "content": [{"type": "output_text", "text": text}]}] if text else []
    items += [{"type": "function_call", "call_id": i, "name": n, "arguments": a} for i, n, a in calls]
    told = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}} if reason else {}
    return {"output": items, "status": "completed", **told}


def check(dialect, asked, said):
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    check_form(SimpleNamespace(body=json.dumps(asked).encode()), dialect, False, body, "vendor")


@pytest.mark.parametrize("dialect", FORMATS)
def test_a_schema_is_kept_or_the_attempt_has_failed(dialect):
    check(dialect, FORMATS[dialect](PLACE), answer(dialect, '{"at": "Utrecht"}'))
    for text in ('{"nowhere": 1}', '{"at": 1}', "Utrecht", '{"at": "Utrecht"} and more', "[" * 5000):
        with pytest.raises(OutOfForm) as caught:
            check(dialect, FORMATS[dialect](PLACE), answer(dialect, text))
        assert caught.value.fault == "schema-broken"
        assert "Utrecht" not in str(caught.value)


@pytest.mark.parametrize("dialect", FORMATS)
def test_what_a_limit_cut_has_no_form_to_keep(dialect):
    reason = {"openai_chat": "length", "anthropic_messages": "max_tokens"}.get(dialect, "max_output_tokens")
    check(dialect, FORMATS[dialect](PLACE), answer(dialect, '{"at": "Utr', reason=reason))


def test_a_refusal_has_no_form_to_keep():
    refusal = {"role": "assistant", "content": None, "refusal": "I can't."}
    said = {"choices": [{"index": 0, "message": refusal, "finish_reason": "stop"}]}
    check("openai_chat", FORMATS["openai_chat"](PLACE), said)
    said = {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "I can't."}]}]}
    check("openai_responses", FORMATS["openai_responses"](PLACE), {"status": "completed", **said})


def test_every_choice_is_looked_at():
    choices = [
        {"index": place, "message": {"content": text}, "finish_reason": "stop"}
        for place, text in enumerate(['{"at": "Utrecht"}', '{"at": 2}'])
    ]
    with pytest.raises(OutOfForm):
        check("openai_chat", FORMATS["openai_chat"](PLACE), {"choices": choices})


def test_any_object_is_asked_for():
    asked = {"response_format": {"type": "json_object"}}
    check("openai_chat", asked, answer("openai_chat", '{"nowhere": 1}'))
    with pytest.raises(OutOfForm):
        check("openai_chat", asked, answer("openai_chat", "[1]"))


@pytest.mark.parametrize("dialect", OFFERED)
def test_a_tool_is_called_as_it_can_be_or_the_attempt_has_failed(dialect):
    asked = {"tools": OFFERED[dialect]}
    check(dialect, asked, answer(dialect, calls=[("a", "find", '{"at": "x"}'), ("b", "find", "{}")]))
    wrong = {"was not offered": [("a", "seek", "{}")], "bear one id": [("a", "find", "{}"), ("a", "find", "{}")]}
    if dialect != "anthropic_messages":
        wrong["no JSON object"] = [("a", "find", '{"at": ')]
    for why, calls in wrong.items():
        with pytest.raises(OutOfForm, match=why) as caught:
            check(dialect, asked, answer(dialect, calls=calls))
        assert caught.value.fault == "tool-arguments-broken"


def test_what_is_no_json_by_right_is_let_through():
    custom = {"id": "a", "type": "custom", "custom": {"name": "run", "input": "ls"}}
    said = {"choices": [{"index": 0, "message": {"tool_calls": [custom]}, "finish_reason": "tool_calls"}]}
    check("openai_chat", {"tools": [{"type": "function", "function": {"name": "find"}}]}, said)
    item = {"type": "custom_tool_call", "call_id": "a", "name": "run", "input": "ls"}
    check("openai_responses", {"tools": OFFERED["openai_responses"]}, {"output": [item], "status": "completed"})
    check("openai_chat", {"tools": OFFERED["openai_chat"]}, answer("openai_chat", calls=[("a", "find", "")]))


@pytest.mark.parametrize(
    "schema", [{"type": "nonsense"}, {"pattern": "(?=a)b"}, {"$ref": "#/defs/nowhere"}, {"$ref": "http://192.0.2.1/x"}]
)
def test_a_schema_that_cannot_be_checked_here_is_the_providers_affair(schema):
    check("openai_chat", FORMATS["openai_chat"](schema), answer("openai_chat", '"b"'))


def test_a_pattern_costs_no_more_than_its_text_is_long():
    schema = {"type": "string", "pattern": "^(a+)+$"}
    text = json.dumps("a" * 20_000 + "!")

    def refuse() -> None:
        with pytest.raises(OutOfForm):
            check("openai_chat", FORMATS["openai_chat"](schema), answer("openai_chat", text))

    done = threading.Thread(target=refuse, daemon=True)
    done.start()
    done.join(60)
    assert not done.is_alive()
