"""What is read of OpenAI's responses and of the events that stream them.

Source: platform.openai.com/docs/api-reference/responses and /responses-streaming.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.exchange import Usage
from ..errors import Malformed
from .inner_errors import classify
from .shapes import read_answer


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """``input_tokens`` counts cached tokens too."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None

    def read(self) -> Usage:
        """As the domain counts: ``input`` is all input tokens, cached ones among them."""
        details, reasoned = self.input_tokens_details, self.output_tokens_details
        return Usage(
            input=self.input_tokens or 0,
            output=self.output_tokens or 0,
            cached_input=(details.cached_tokens or 0) if details else 0,
            written_input=(details.cache_write_tokens or 0) if details else 0,
            reasoning=(reasoned.reasoning_tokens or 0) if reasoned else 0,
        )


class WireItem(msgspec.Struct):
    """One item of an answer's output. What a kind of item holds differs, so little is asked of it."""

    type: str
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: Any = None
    input: Any = None
    content: Any = None

    def said(self, kind: str) -> str:
        """The text of a message's parts of one kind: ``output_text`` or ``refusal``."""
        if self.type != "message" or not isinstance(self.content, list):
            return ""
        field = "refusal" if kind == "refusal" else "text"
        parts = (part for part in self.content if isinstance(part, dict) and part.get("type") == kind)
        return "".join(str(part.get(field) or "") for part in parts)

    @property
    def is_silent(self) -> bool:
        """Whether nothing in it is an answer: reasoning, or a message without words."""
        if self.type == "message":
            return not self.said("output_text") and not self.said("refusal")
        return self.type == "reasoning"


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class WireResponse(msgspec.Struct):
    """A whole answer, or the one inside an event that begins or ends a stream."""

    id: str | None = None
    model: str | None = None
    status: str | None = None
    output: list[WireItem] | None = None
    usage: WireUsage | None = None
    incomplete_details: _Incomplete | None = None
    error: Any = None

    @property
    def reason(self) -> str:
        """Why it ended: ``completed``, or what made it incomplete."""
        details = self.incomplete_details
        if details is not None and details.reason:
            return details.reason
        return self.status or "completed"


class WireEvent(msgspec.Struct):
    """Any event of a streamed answer."""

    type: str
    sequence_number: int | None = None
    output_index: int | None = None
    response: WireResponse | None = None
    item: WireItem | None = None
    delta: Any = None
    code: Any = None
    message: Any = None
    error: Any = None

    def piece(self) -> str:
        """The text of a delta."""
        return self.delta if isinstance(self.delta, str) else ""


_RESPONSE = msgspec.json.Decoder(WireResponse)
_EVENT = msgspec.json.Decoder(WireEvent)


def decode_answer(body: bytes) -> WireResponse:
    """A whole answer as sent; raises :class:`Malformed` when it is not one."""
    answer = read_answer(body, _RESPONSE)
    if answer.error or answer.status == "failed":
        fault, status, message = classify(answer.error or "The response failed.")
        raise Malformed(f"The answer is an error: {message}", fault=fault, seen_status=status)
    if answer.output is None:
        raise Malformed("The answer has no output.")
    if answer.status in ("queued", "in_progress", "cancelled"):
        raise Malformed(f"The answer is not done: its status is {answer.status}.")
    return answer


def decode_event(data: bytes) -> WireEvent:
    """One event; raises ``msgspec.DecodeError``."""
    return _EVENT.decode(data)
