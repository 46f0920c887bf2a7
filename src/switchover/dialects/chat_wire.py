"""OpenAI's answers as they stand on the wire, whole or in chunks."""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.exchange import Usage
from ..errors import Malformed
from .inner_errors import classify
from .shapes import read_answer

DONE = b"data: [DONE]\n\n"


class _CachedTokens(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Reasoned(msgspec.Struct):
    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """``prompt_tokens`` counts cached tokens too."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _CachedTokens | None = None
    completion_tokens_details: _Reasoned | None = None

    def read(self) -> Usage:
        """As the domain counts: ``input`` is all input tokens, cached ones among them."""
        details, reasoned = self.prompt_tokens_details, self.completion_tokens_details
        return Usage(
            input=self.prompt_tokens or 0,
            output=self.completion_tokens or 0,
            cached_input=(details.cached_tokens or 0) if details else 0,
            written_input=(details.cache_write_tokens or 0) if details else 0,
            reasoning=(reasoned.reasoning_tokens or 0) if reasoned else 0,
        )


class WireFunction(msgspec.Struct):
    """A tool call's name and arguments; in a stream either may come in pieces."""

    name: str | None = None
    arguments: str | None = None


class WireToolCall(msgspec.Struct):
    """A tool call, or in a stream a piece of one."""

    index: int | None = None
    id: str | None = None
    function: WireFunction | None = None


class WireMessage(msgspec.Struct):
    """A message, or in a stream a delta. Content is text, or parts with some providers."""

    content: str | list[dict[str, Any]] | None = None
    refusal: str | None = None
    tool_calls: list[WireToolCall] | None = None
    function_call: WireFunction | None = None
    audio: dict[str, Any] | None = None
    reasoning_content: str | None = None
    reasoning: Any = None

    def text(self) -> str:
        """The text of the content, whichever its form."""
        if isinstance(self.content, list):
            return "".join(str(part.get("text") or "") for part in self.content if part.get("type") == "text")
        return self.content or ""


class WireChoice(msgspec.Struct):
    """One choice of an answer or of a chunk."""

    index: int = 0
    finish_reason: str | None = None
    message: WireMessage | None = None
    delta: WireMessage | None = None


class WireAnswer(msgspec.Struct):
    """A whole answer or one chunk of a streamed one."""

    id: str | None = None
    model: str | None = None
    object: str | None = None
    choices: list[WireChoice] | None = None
    usage: WireUsage | None = None
    error: Any = None


_ANSWER = msgspec.json.Decoder(WireAnswer)


def decode_answer(body: bytes) -> WireAnswer:
    """A whole answer as sent; raises :class:`Malformed` when it is not one."""
    answer = read_answer(body, _ANSWER)
    if answer.error:
        fault, status, message = classify(answer.error)
        raise Malformed(f"The answer is an error: {message}", fault=fault, seen_status=status)
    if not answer.choices or answer.choices[0].message is None:
        raise Malformed("The answer has no choices.")
    return answer


def decode_chunk(data: bytes) -> WireAnswer:
    """One chunk that a decoder has let through."""
    return _ANSWER.decode(data)
