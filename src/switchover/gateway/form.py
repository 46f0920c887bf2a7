"""Whether an answer has the form that was asked for: tools that exist, arguments that parse, the schema."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from switchover.dialects.asked_form import AskedForm, asked_form
from switchover.dialects.choices import Choice, choices
from switchover.errors import OutOfForm

from .admit import Call

# Of what a request may need, what gives its answer a form.
FORMED = frozenset(["tools", "json_schema"])
# Applications send the same few schemas again and again.
SCHEMAS_KEPT = 256


def check_form(call: Call, dialect: str, stream: bool, body: bytes, name: str) -> None:
    """Raises OutOfForm for an answer that an application could not use; ``name`` is the upstream's.

    A choice that was cut by its limit, or that refuses, has no form to keep.
    """
    asked = asked_form(call.body)
    for one in choices(dialect, stream, body):
        if one.is_done:
            wrong = _wrong_call(asked, one)
            if wrong:
                raise OutOfForm(f"{name} calls a tool as nobody could: {wrong}", fault="tool-arguments-broken")
            if not one.calls and asked.schema is not None and not _fits(asked.schema, one.text):
                raise OutOfForm(f"{name} answered in another form than the schema that was asked for")


def _wrong_call(asked: AskedForm, one: Choice) -> str:
    """What is wrong with its tool calls, without a word of them; "" when nothing is."""
    seen: set[str] = set()
    for call in [call for call in one.calls.values() if call.arguments is not None]:
        if asked.tools and call.name not in asked.tools:
            return "it was not offered"
        if call.id and call.id in seen:
            return "two calls bear one id"
        seen.add(call.id)
        # No arguments at all: Anthropic streams a tool without parameters so, and so do engines in OpenAI's format.
        if call.arguments and not isinstance(_read(call.arguments), dict):
            return "its arguments are no JSON object"
    return ""


def _fits(schema: bytes, text: str) -> bool:
    value = _read(text)
    if value is msgspec.UNSET:
        return False
    if not schema:
        return isinstance(value, dict)
    validator = _validator(schema)
    return validator is None or bool(validator.is_valid(value))


def _read(text: str) -> Any:
    """The JSON value; UNSET for what is none."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return msgspec.UNSET


@lru_cache(maxsize=SCHEMAS_KEPT)
def _validator(schema: bytes) -> Any:
    """None for a schema that can't be checked here: providers know other ones.

    Patterns are matched in linear time, and no reference leaves the schema: it is the caller's, not ours. Imported when
    first needed, since most workers never are asked for a schema.
    """
    import jsonschema_rs

    try:
        return jsonschema_rs.validator_for(
            msgspec.json.decode(schema), retriever=_nowhere, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (ValueError, RecursionError):
        return None


def _nowhere(uri: str) -> Any:
    raise ValueError("a schema refers to nothing outside itself")
