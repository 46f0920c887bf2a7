"""From one dialect to the other, and the text of an answer in either."""

from __future__ import annotations

import msgspec

from ..errors import Malformed
from .across_answers import translate_answer
from .across_streams import StreamTranslator
from .across_to_chat import to_chat
from .across_to_messages import DEFAULT_MAX_TOKENS, to_messages
from .anthropic_messages import AnthropicMessages
from .chat_wire import decode_chunk
from .messages_wire import decode_event
from .openai_chat import OpenAIChat
from .sse import events

__all__ = ["DEFAULT_MAX_TOKENS", "StreamTranslator", "text_of_answer", "translate_answer", "translate_request"]


def translate_request(body: bytes, source: str, target: str, model: str) -> tuple[bytes, tuple[str, ...]]:
    """The request for ``target``'s dialect and ``model``, and the names of the fields that had to be left out.

    Raises :class:`~switchover.errors.BadRequest` where leaving out would change the meaning, and where the body is no
    valid request. What is left out is named: it is recorded with the exchange.
    """
    if source == target:
        raise ValueError(f"nothing to translate within {source}")
    return to_messages(body, model) if source == "openai_chat" else to_chat(body, model)


def text_of_answer(dialect: str, stream: bool, body: bytes) -> str | None:
    """The text of a recorded answer; None when it has none or is no answer. Reasoning and tool calls are no text."""
    try:
        if stream:
            pieces = (_piece(dialect, data) for name, data in events(body) if data[:6] != b"[DONE]")
            return "".join(pieces) or None
        if dialect == "openai_chat":
            return OpenAIChat().read_answer(body).text
        return AnthropicMessages().read_answer(body).text
    except (Malformed, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _piece(dialect: str, data: bytes) -> str:
    if dialect == "openai_chat":
        first = next((choice for choice in decode_chunk(data).choices or () if choice.index == 0), None)
        return "" if first is None or first.delta is None else first.delta.text() or first.delta.refusal or ""
    event = decode_event(data)
    if event.type == "content_block_start" and event.content_block is not None and event.content_block.type == "text":
        return event.content_block.text or ""
    return event.delta.text or "" if event.type == "content_block_delta" and event.delta is not None else ""
