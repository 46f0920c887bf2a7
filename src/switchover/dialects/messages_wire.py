"""Anthropic's answers as they stand on the wire, whole or in events."""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.exchange import Usage
from ..errors import Malformed
from .inner_errors import classify
from .shapes import read_answer


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """``input_tokens`` counts only what was neither read from nor written to the cache."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    iterations: Any = None
    output_tokens_details: _OutputDetails | None = None

    def read(self, earlier: Usage | None = None) -> Usage:
        """As the domain counts: ``input`` is all input tokens, cached ones among them.

        The last event of a stream may repeat the input counts or leave them out; then those of ``earlier`` hold.
        """
        cached, written = self.cache_read_input_tokens or 0, self.cache_creation_input_tokens or 0
        total = (self.input_tokens or 0) + cached + written
        if earlier is not None and total < earlier.input:
            total, cached, written = earlier.input, earlier.cached_input, earlier.written_input
        details = self.output_tokens_details
        return Usage(
            input=total,
            output=self.output_tokens or 0,
            cached_input=cached,
            written_input=written,
            reasoning=(details.thinking_tokens or 0) if details else 0,
        )


class WireBlock(msgspec.Struct):
    """One block of an answer's content."""

    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None
    to: Any = None


class WireAnswer(msgspec.Struct):
    """A whole answer, or the message of ``message_start``."""

    id: str | None = None
    type: str | None = None
    model: str | None = None
    content: list[WireBlock] | None = None
    stop_reason: str | None = None
    usage: WireUsage | None = None
    error: Any = None


class WireDelta(msgspec.Struct):
    """The delta of ``content_block_delta`` or ``message_delta``."""

    type: str | None = None
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class WireEvent(msgspec.Struct):
    """Any event of a streamed answer."""

    type: str
    index: int | None = None
    message: WireAnswer | None = None
    content_block: WireBlock | None = None
    delta: WireDelta | None = None
    usage: WireUsage | None = None
    error: Any = None


_ANSWER = msgspec.json.Decoder(WireAnswer)
_EVENT = msgspec.json.Decoder(WireEvent)


def decode_answer(body: bytes) -> WireAnswer:
    """A whole answer as sent; raises :class:`Malformed` when it is not one."""
    answer = read_answer(body, _ANSWER)
    if answer.error or answer.type == "error":
        fault, status, message = classify(answer.error)
        raise Malformed(f"The answer is an error: {message}", fault=fault, seen_status=status)
    if answer.content is None:
        raise Malformed("The answer has no content.")
    return answer


def decode_event(data: bytes) -> WireEvent:
    """One event that a decoder has let through."""
    return _EVENT.decode(data)
