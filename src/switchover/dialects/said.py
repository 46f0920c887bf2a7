"""How much is said: the bytes of what a model wrote, without the frames around it, and of what it was asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from zlib import crc32

import msgspec

from switchover.domain.exchange import Exchange, Length, Outcome

from . import chat_wire, messages_wire, responses_wire
from .sse import events

# Some servers send pictures as text, a thousand tokens in a megabyte.
PICTURE = ";base64,"
# So much of a picture or a file, in the characters of base64, is no text.
ENCODED = re.compile(rb"[A-Za-z0-9+/_=-]{1000,}")
# A picture of a million pixels takes some 1,400 tokens (docs.claude.com/en/docs/build-with-claude/vision).
PICTURE_BYTES = 5_600
# Of streams that came whole and told their usage, one in so many is measured: enough to learn from.
ONE_IN = 16
# Frames that are read of a longer stream: a worker seals it between two callers.
READ, EDGE = 12, 4
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


def said_nearly(dialect: str, frames: bytes) -> int:
    """The same, of a long stream told from some of its frames, evenly spaced.

    What a frame wraps its text in is of nearly the same length in all of them: a longer frame has so much more text.
    """
    parts = [part for part in frames.split(b"\n\n") if part]
    if len(parts) <= 2 * READ:
        return said(dialect, frames)
    # The first and the last ones are of another kind: who speaks, why it ended, what it used.
    ends, middle = parts[:EDGE] + parts[-EDGE:], parts[EDGE:-EDGE]
    read = middle[:: len(middle) // READ]
    told = _said_in(dialect, read)
    wrapped = (sum(map(len, read)) - told) / len(read)
    return _said_in(dialect, ends) + max(round(sum(map(len, middle)) - wrapped * len(middle)), told)


def _said_in(dialect: str, parts: Sequence[bytes]) -> int:
    return said(dialect, b"".join(part + b"\n\n" for part in parts))


def length_of(exchange: Exchange) -> Length | None:
    """What was measured of an exchange, or is now, where its words are at hand; None: they are not.

    A stream's text is measured where its usage was not told or it broke off, and else of one in sixteen.
    """
    if exchange.length is not None or not exchange.request:
        return exchange.length
    text, pictures = exchange.request, 0
    if len(text) > PICTURE_BYTES:
        text, pictures = ENCODED.subn(b"", text)
    told = exchange.usage is not None and exchange.outcome is Outcome.COMPLETE
    wanted = exchange.stream and not (told and crc32(exchange.id.encode()) % ONE_IN)
    return Length(
        asked=len(text) + pictures * PICTURE_BYTES,
        said=said_nearly(exchange.dialect, exchange.answer) if wanted else None,
    )


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
