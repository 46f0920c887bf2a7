"""Requests that no model answers in words: OpenAI's embeddings, and counts of tokens.

Sources: platform.openai.com/docs/api-reference/embeddings, docs.claude.com/en/api/messages-count-tokens, and for our
own engine llama.cpp's tools/server/README.md (``/v1/chat/completions/input_tokens``). None of them is ever streamed.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.exchange import EMBEDDINGS, TOKEN_COUNT, Usage
from ..errors import BadRequest, Malformed
from .anthropic_messages import AnthropicMessages, Asking
from .inner_errors import classify
from .openai_chat import OpenAIChat
from .provider_fallback import Field, substitutes
from .shapes import Peek, Whole, check_addressed, read_answer, read_request

# What a request needs of an upstream, as planning names it.
NEEDS_VECTORS = "embeddings"
NEEDS_COUNT = "count_tokens"
# How our own engine is asked to count what a chat request would have it read.
CHAT_COUNT = "openai_chat_count"


class NoWords(Whole, frozen=True, kw_only=True):
    """An answer that is no text and is not meant to be."""

    @property
    def is_empty(self) -> bool:
        """Never: what is missing in it has been looked for."""
        return False


class _EmbeddingsRequest(msgspec.Struct):
    model: str
    input: str | list[msgspec.Raw]
    models: Field = msgspec.UNSET
    fallbacks: Field = msgspec.UNSET


class _Vector(msgspec.Struct):
    embedding: msgspec.Raw


class _EmbeddingsUsage(msgspec.Struct):
    prompt_tokens: int | None = None


class _EmbeddingsAnswer(msgspec.Struct):
    data: list[_Vector] | None = None
    model: str | None = None
    usage: _EmbeddingsUsage | None = None
    error: Any = None


class _CountAnswer(msgspec.Struct):
    input_tokens: int | None = None
    error: Any = None


_EMBEDDINGS_REQUEST = msgspec.json.Decoder(_EmbeddingsRequest)
_EMBEDDINGS_ANSWER = msgspec.json.Decoder(_EmbeddingsAnswer)
_COUNT_REQUEST = msgspec.json.Decoder(Asking)
_COUNT_ANSWER = msgspec.json.Decoder(_CountAnswer)
# The need that makes a request one.
NEED = {EMBEDDINGS: NEEDS_VECTORS, TOKEN_COUNT: NEEDS_COUNT}
_VECTORS = frozenset([NEEDS_VECTORS])


class OpenAIEmbeddings(OpenAIChat):
    """``POST /v1/embeddings``. Whatever the form of the vectors, they pass as they are."""

    name = EMBEDDINGS
    path = "/v1/embeddings"
    written = EMBEDDINGS

    def peek(self, body: bytes) -> Peek:
        """See :meth:`OpenAIChat.peek`."""
        request = read_request(body, _EMBEDDINGS_REQUEST)
        if not request.model:
            raise BadRequest("`model` is empty; name a route.")
        if not request.input:
            raise BadRequest("`input` is empty; send a text, or a list of texts or of tokens.")
        others = substitutes(request.models, request.fallbacks)
        return Peek(model=request.model, stream=False, needs=_VECTORS, substitutes=others)

    def read_answer(self, body: bytes) -> Whole:
        """The usage and the model of an answer; raises :class:`Malformed` when it has no vectors."""
        answer = read_answer(body, _EMBEDDINGS_ANSWER)
        _check(answer.error)
        if not answer.data:
            raise Malformed("The answer has no vectors.")
        tokens = answer.usage.prompt_tokens if answer.usage is not None else None
        usage = None if tokens is None else Usage(input=tokens)
        return NoWords(text=None, tool_calls=(), reason=None, usage=usage, model=answer.model)


class AnthropicCount(AnthropicMessages):
    """``POST /v1/messages/count_tokens``: how many tokens a message would have the model read."""

    name = TOKEN_COUNT
    path = "/v1/messages/count_tokens"
    written = AnthropicMessages.name

    def peek(self, body: bytes) -> Peek:
        """See :meth:`AnthropicMessages.peek`; it needs what the message would, and that somebody counts."""
        request = read_request(body, _COUNT_REQUEST)
        check_addressed(request.model, request.messages)
        needs, others = request.needs(body), substitutes(request.models, request.fallbacks)
        return Peek(model=request.model, stream=False, needs=frozenset({NEEDS_COUNT, *needs}), substitutes=others)

    def read_answer(self, body: bytes) -> Whole:
        """Raises :class:`Malformed` when there is no count in it. A count costs nothing: it has no usage."""
        count_in(body)
        return NoWords(text=None, tool_calls=(), reason=None, usage=None, model=None)


class ChatCount(AnthropicCount):
    """How llama.cpp counts: the chat's request in, ``input_tokens`` out. Callers can't reach it."""

    name = CHAT_COUNT
    path = ""
    written = OpenAIChat.name


def count_in(body: bytes) -> int:
    """The count in an answer; raises :class:`Malformed` when there is none."""
    answer = read_answer(body, _COUNT_ANSWER)
    _check(answer.error)
    if answer.input_tokens is None:
        raise Malformed("The answer has no count of tokens.")
    return answer.input_tokens


def count_answer(body: bytes) -> bytes:
    """A count from whoever counted, as Anthropic tells it."""
    return msgspec.json.encode({"input_tokens": count_in(body)})


def _check(error: Any) -> None:
    if error:
        fault, status, message = classify(error)
        raise Malformed(f"The answer is an error: {message}", fault=fault, seen_status=status)


SIDE: dict[str, OpenAIEmbeddings | AnthropicCount] = {
    EMBEDDINGS: OpenAIEmbeddings(),
    TOKEN_COUNT: AnthropicCount(),
    CHAT_COUNT: ChatCount(),
}
