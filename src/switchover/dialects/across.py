"""From one dialect to another, and an answer in any as one text. The chat is the hub: what it can't say is lost."""

from __future__ import annotations

import msgspec

from ..domain.answer import as_text
from ..domain.exchange import TOKEN_COUNT
from ..errors import Malformed
from . import DIALECTS, across_answers, across_responses_answers, chat_wire, messages_wire, responses_wire
from .across_chat_to_responses import chat_to_responses
from .across_responses_to_chat import responses_to_chat
from .across_streams import StreamTranslator
from .across_to_chat import to_chat
from .across_to_messages import DEFAULT_MAX_TOKENS, to_messages
from .choices import choices_so_far
from .side import count_answer
from .sse import events

__all__ = ["DEFAULT_MAX_TOKENS", "StreamTranslator", "text_of_answer", "translate_answer", "translate_request"]

CHAT = "openai_chat"

# What every stream with a tool call holds, whichever its dialect.
_CALL_MARKS = (b'"tool_calls"', b'"tool_use"', b'"function_call"', b'"custom_tool_call"')
_REQUEST_TO_CHAT = {"anthropic_messages": to_chat, "openai_responses": responses_to_chat}
_REQUEST_OF_CHAT = {"anthropic_messages": to_messages, "openai_responses": chat_to_responses}
_ANSWER_TO_CHAT = {
    "anthropic_messages": across_answers.to_completion,
    "openai_responses": across_responses_answers.to_completion,
}
_ANSWER_OF_CHAT = {
    "anthropic_messages": across_answers.to_message,
    "openai_responses": across_responses_answers.to_response,
}


def translate_request(body: bytes, source: str, target: str, model: str) -> tuple[bytes, tuple[str, ...]]:
    """The request for ``target``'s dialect and ``model``, and the names of the fields that had to be left out.

    Raises :class:`~switchover.errors.BadRequest` where leaving out would change the meaning, and where the body is no
    valid request. What is left out is named: it is recorded with the exchange.
    """
    if source == target:
        raise ValueError(f"nothing to translate within {source}")
    dropped: tuple[str, ...] = ()
    if source != CHAT:
        body, dropped = _REQUEST_TO_CHAT[source](body, model, target)
    if target != CHAT:
        body, more = _REQUEST_OF_CHAT[target](body, model)
        dropped += more
    return body, tuple(dict.fromkeys(dropped))


def translate_answer(body: bytes, source: str, target: str, *, model: str) -> bytes:
    """The whole answer (a 200's body) in ``target``'s dialect; ``model`` is named where the answer names none.

    Reasoning is left out: its provider alone can read it. Raises :class:`Malformed` when ``body`` is no answer, or has
    a tool call that ``target`` can't say.
    """
    if source == target:
        return body
    if target == TOKEN_COUNT:
        return count_answer(body)
    if source != CHAT:
        body = _ANSWER_TO_CHAT[source](body, model)
    return body if target == CHAT else _ANSWER_OF_CHAT[target](body, model)


def text_of_answer(dialect: str, stream: bool, body: bytes) -> str | None:
    """A recorded answer as one text, with its tool calls; see :mod:`switchover.domain.answer`. Reasoning is left out.

    None when it says and calls nothing, or is no answer.
    """
    try:
        if not stream:
            whole = DIALECTS[dialect].read_answer(body)
            return as_text(whole.text, [(call.name, call.arguments) for call in whole.tool_calls])
        words = "".join(_piece(dialect, data) for name, data in events(body) if data[:6] != b"[DONE]") or None
        return as_text(words, _calls(dialect, body))
    except (Malformed, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _calls(dialect: str, body: bytes) -> list[tuple[str, str]]:
    """The tool calls of a stream's first choice. Most streams have none, and are not read twice."""
    if not any(mark in body for mark in _CALL_MARKS):
        return []
    first = next(iter(choices_so_far(dialect, body)), None)
    calls = first.calls.values() if first is not None else ()
    return [(call.name, call.free if call.arguments is None else call.arguments) for call in calls if call.name]


def _piece(dialect: str, data: bytes) -> str:
    if dialect == CHAT:
        first = next((choice for choice in chat_wire.decode_chunk(data).choices or () if choice.index == 0), None)
        return "" if first is None or first.delta is None else first.delta.text() or first.delta.refusal or ""
    if dialect == "openai_responses":
        told = responses_wire.decode_event(data)
        return told.piece() if told.type in ("response.output_text.delta", "response.refusal.delta") else ""
    event = messages_wire.decode_event(data)
    if event.type == "content_block_start" and event.content_block is not None and event.content_block.type == "text":
        return event.content_block.text or ""
    return event.delta.text or "" if event.type == "content_block_delta" and event.delta is not None else ""
