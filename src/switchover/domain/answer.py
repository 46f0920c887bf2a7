"""An answer as one text: its words as they are or, where it calls tools, words and calls in one canonical form.

The form is ``{"text":"…","tool_calls":[{"arguments":{…},"name":"…"}]}``, keys in order and without spaces, so that
equal answers are equal texts. Words that could be taken for the form are told in it, too, with no calls: nothing that a
model writes passes for a call that it did not make.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

# Deeper than any answer that an application takes apart. How deep can be read at all depends on who asks, and what is
# written has to be read back by everybody; and a hostile one must not cost memory by its paths.
DEEPEST = 64
_BEGINS = '{"text":'


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call as the model made it. ``arguments`` are text where they are no JSON object: broken, or free text."""

    name: str
    arguments: dict[str, Any] | str


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    arguments: dict[str, Any] | str


class _Form(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    tool_calls: list[_Call]


_FORM = msgspec.json.Decoder(_Form)


def as_text(words: str | None, calls: Sequence[tuple[str, str]] = ()) -> str | None:
    """The answer as one text; None when it says and calls nothing. ``calls`` are (name, arguments as sent)."""
    if not calls and (not words or _read(words) is None):
        return words
    form = {"text": words or "", "tool_calls": [{"name": name, "arguments": _read_arguments(a)} for name, a in calls]}
    return msgspec.json.encode(form, order="deterministic").decode()


def read_text(answer: str) -> tuple[str, tuple[ToolCall, ...]]:
    """The words and the tool calls of an answer that :func:`as_text` told."""
    form = _read(answer)
    if form is None:
        return answer, ()
    return form.text, tuple(ToolCall(call.name, call.arguments) for call in form.tool_calls)


def words_of(answer: str | None) -> str | None:
    """The words of an answer; None when it has none, as one that only calls tools."""
    return read_text(answer)[0] or None if answer else answer


def calls_tools(answer: str | None) -> bool:
    """Whether an answer calls any tool."""
    return answer is not None and bool(read_text(answer)[1])


def is_shallow(value: Any) -> bool:
    """Whether a JSON value nests no deeper than :data:`DEEPEST`."""
    level = [value]
    for _ in range(DEEPEST):
        inner = (item for one in level for item in (one.values() if isinstance(one, dict) else one))
        level = [item for item in inner if isinstance(item, dict | list)]
        if not level:
            return True
    return False


def _read(answer: str) -> _Form | None:
    if not answer.startswith(_BEGINS):
        return None
    try:
        return _FORM.decode(answer)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None


def _read_arguments(arguments: str) -> dict[str, Any] | str:
    """The object that the arguments are; no arguments at all are an empty one, as dialects tell it either way."""
    if not arguments.strip():
        return {}
    try:
        value = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return arguments
    return value if isinstance(value, dict) and is_shallow(value) else arguments
