"""Which fields of a request can be carried to the other dialect."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..errors import BadRequest


def refuse(fields: dict[str, Any], names: tuple[str, ...]) -> None:
    """Raises :class:`BadRequest` when the request uses a field without which it would mean something else."""
    for name in names:
        if fields.get(name):
            raise BadRequest(f"`{name}` can't be carried to this upstream; name a route that keeps it.")


def left_out(fields: dict[str, Any], carried: frozenset[str]) -> list[str]:
    """Names of the fields that are set and not carried."""
    return sorted(name for name, value in fields.items() if name not in carried and value is not None)


def unknown(where: str, objects: Iterable[Any], known: frozenset[str]) -> list[str]:
    """Names of what is set in these objects and has no place elsewhere, each once, as ``where.name``."""
    held = {name for one in objects if isinstance(one, dict) for name, value in one.items() if value or value == 0}
    return [f"{where}.{name}" for name in sorted(held - known)]


def listed(value: Any) -> list[Any]:
    """The items of a list; nothing of anything else."""
    return value if isinstance(value, list) else []


# What OpenAI's chat has in a message, a part and a function that can be told elsewhere.
_MESSAGE = frozenset({"role", "content", "refusal", "name", "tool_calls", "tool_call_id", "annotations"})
_PART = frozenset({"type", "text", "refusal", "image_url", "file", "input_audio"})
_FUNCTION = frozenset({"name", "description", "parameters", "strict"})


def chat_unknown(fields: dict[str, Any]) -> list[str]:
    """What of a chat's messages and tools nobody else would understand. Raises BadRequest for what has a meaning."""
    messages = listed(fields.get("messages"))
    for name in ("function_call", "audio"):
        if any(isinstance(message, dict) and message.get(name) for message in messages):
            raise BadRequest(f"A message's `{name}` can't be carried to this upstream.")
    parts = [part for one in messages if isinstance(one, dict) for part in listed(one.get("content"))]
    functions = [tool.get("function") for tool in listed(fields.get("tools")) if isinstance(tool, dict)]
    return [
        *unknown("messages", messages, _MESSAGE),
        *unknown("messages.content", parts, _PART),
        *unknown("tools.function", functions, _FUNCTION),
    ]


# Models of OpenAI's that reason: they refuse `max_tokens`, and most other servers know only that one.
_REASONING = re.compile(r"(?:o\d|gpt-[5-9])")


def limit_name(model: str) -> str:
    """What a chat's model calls the limit of its answer."""
    return "max_completion_tokens" if _REASONING.match(model) else "max_tokens"


def takes_effort(model: str) -> bool:
    """Whether a chat's model can be told how much to reason."""
    return _REASONING.match(model) is not None
