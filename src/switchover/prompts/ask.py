"""The texts of an exchange: what was asked and what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from switchover.domain.exchange import Exchange


def ask_text(request: Mapping[str, Any]) -> str:
    """The text of the last user message of a request in either dialect; "" when there is none."""
    messages = request.get("messages")
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, Mapping) and message.get("role") == "user":
            return _text(message.get("content"))
    return ""


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") for part in parts if isinstance(part, Mapping) and part.get("type") == "text")
    return "\n".join(text for text in texts if isinstance(text, str))


def answer_text(dialect: str, stream: bool, answer: bytes) -> str | None:
    """The text of a recorded answer, streamed or not; None when it has none."""
    from switchover.dialects.across import text_of_answer

    return text_of_answer(dialect, stream, answer)


def chat_request(exchange: Exchange) -> dict[str, Any]:
    """A recorded request as an OpenAI chat request; one in another dialect is translated.

    Raises :class:`~switchover.errors.BadRequest` where that would change its meaning.
    """
    body = exchange.request
    if exchange.dialect != "openai_chat":
        from switchover.dialects.across import translate_request

        body, _ = translate_request(body, exchange.dialect, "openai_chat", exchange.route)
    return msgspec.json.decode(body, type=dict[str, Any])
