"""How much a stream says: the bytes of what the model wrote, without the frames around it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from . import chat_wire, messages_wire, responses_wire
from .sse import events

# Some servers send pictures as text, a thousand tokens in a megabyte.
PICTURE = ";base64,"
# Deltas of what the model writes token by token. Audio is no text, and summaries are another model's.
_WRITTEN = frozenset(
    {
        "response.output_text.delta",
        "response.refusal.delta",
        "response.reasoning_text.delta",
        "response.function_call_arguments.delta",
        "response.custom_tool_call_input.delta",
    }
)


def said(dialect: str, frames: bytes) -> int:
    """Bytes of text, of tools' arguments and of reasoning in whole frames; pictures and what can't be read are none."""
    tell = _TELL.get(dialect, _response)
    total = 0
    for _, data in events(frames):
        try:
            total += sum(len(text.partition(PICTURE)[0].encode()) for text in tell(data) if text)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            continue
    return total


def _chat(data: bytes) -> Iterator[str | None]:
    for choice in chat_wire.decode_chunk(data).choices or () if data[:6] != b"[DONE]" else ():
        delta = choice.delta
        if delta is not None:
            yield delta.text()
            yield delta.refusal
            yield delta.reasoning_content or (delta.reasoning if isinstance(delta.reasoning, str) else None)
            functions = [delta.function_call, *[call.function for call in delta.tool_calls or ()]]
            yield from (function.arguments for function in functions if function is not None)


def _message(data: bytes) -> Iterator[str | None]:
    event = messages_wire.decode_event(data)
    if event.delta is not None:
        yield from (event.delta.text, event.delta.partial_json, event.delta.thinking)


def _response(data: bytes) -> Iterator[str | None]:
    event = responses_wire.decode_event(data)
    if event.type in _WRITTEN:
        yield event.piece()


_TELL = {"openai_chat": _chat, "anthropic_messages": _message}
