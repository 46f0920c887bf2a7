"""The request as a source: what the answer was asked about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# What the model said before is no source of what it says.
_OWN = "assistant"


def all_of(request: Mapping[str, Any]) -> str:
    """Every text of a chat request that is not the model's own: instructions, questions, what tools returned."""
    return "\n".join(text for message in _messages(request) if message.get("role") != _OWN for text in _texts(message))


def last_of(request: Mapping[str, Any]) -> str:
    """The text of the last user message of a chat request; "" when there is none."""
    asked = [message for message in _messages(request) if message.get("role") == "user"]
    return "\n".join(_texts(asked[-1])) if asked else ""


def _messages(request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    messages = request.get("messages")
    return (one for one in (messages if isinstance(messages, list) else []) if isinstance(one, Mapping))


def _texts(message: Mapping[str, Any]) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        if isinstance(part, Mapping) and isinstance(part.get("text"), str):
            yield part["text"]
