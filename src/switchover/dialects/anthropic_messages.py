"""Anthropic's messages: ``POST /v1/messages``.

Source: docs.claude.com/en/api/messages and docs.claude.com/en/docs/build-with-claude/streaming.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ..errors import BadRequest
from .inner_errors import error_message
from .messages_decoder import MessagesDecoder
from .messages_wire import WireAnswer, decode_answer
from .provider_fallback import BLOCK, Field, handed_to, served_by, substitutes
from .shapes import STATE, Peek, ToolCall, Whole, check_addressed, plain_metadata, read_request, with_model


class _Head(msgspec.Struct):
    role: str


class Asking(msgspec.Struct):
    """What a request says of whom it needs, whether it is to be answered or only counted."""

    model: str
    messages: list[_Head]
    tools: list[msgspec.Raw] | None = None
    output_format: msgspec.Raw = msgspec.Raw(b"null")
    output_config: dict[str, Any] | None = None
    models: Field = msgspec.UNSET
    fallbacks: Field = msgspec.UNSET

    def needs(self, body: bytes) -> set[str]:
        """As :class:`Peek` names them."""
        needs = {"tools"} if self.tools else set()
        config = self.output_config
        if bytes(self.output_format) != b"null" or (config and config.get("format")):
            needs.add("json_schema")
        # These bytes can't occur inside a JSON string that says more, so this rarely parses in vain.
        if b'"image"' in body or b'"document"' in body:
            needs |= _shown(body)
        return needs


class _Request(Asking, kw_only=True):
    max_tokens: int
    stream: bool | None = None
    metadata: dict[str, Any] | None = None


_REQUEST = msgspec.json.Decoder(_Request)
# Needs for which a partial answer would be of no use.
FORMED = frozenset(["tools", "json_schema"])
_BODY = msgspec.json.Decoder(dict[str, Any])


class AnthropicMessages:
    """The dialect; see :class:`~switchover.domain.ports.Dialect`."""

    name = "anthropic_messages"
    path = "/v1/messages"
    written = name
    with_model = staticmethod(with_model)
    error_message = staticmethod(error_message)

    def peek(self, body: bytes) -> Peek:
        """What planning needs of a request; raises :class:`BadRequest` with the place that is wrong."""
        request = read_request(body, _REQUEST)
        check_addressed(request.model, request.messages)
        if request.max_tokens < 1:
            raise BadRequest(f"`max_tokens` is {request.max_tokens}; send at least 1.")
        needs = request.needs(body)
        return Peek(
            model=request.model,
            stream=bool(request.stream),
            metadata=plain_metadata(request.metadata),
            holds=not FORMED.isdisjoint(needs),
            needs=frozenset(needs),
            substitutes=substitutes(request.models, request.fallbacks),
            limit=request.max_tokens,
        )

    def read_answer(self, body: bytes) -> Whole:
        """A whole answer; raises :class:`Malformed` when it is none. Tool calls that a fallback abandoned are none."""
        answer = decode_answer(body)
        blocks = answer.content or []
        hop = next((at for at in range(len(blocks) - 1, -1, -1) if blocks[at].type == BLOCK), None)
        served = _served(answer, hop)
        thought = any(block.type in ("thinking", "redacted_thinking") for block in blocks)
        calls = [
            ToolCall(
                id=block.id or "", name=block.name or "", arguments=msgspec.json.encode(block.input or {}).decode()
            )
            for block in (blocks if hop is None else blocks[hop:])
            if block.type == "tool_use"
        ]
        return Whole(
            text="".join(block.text or "" for block in blocks if block.type == "text") or None,
            tool_calls=tuple(calls),
            reason=answer.stop_reason,
            usage=answer.usage.read() if answer.usage else None,
            model=served or answer.model,
            id=answer.id,
            fell_back=hop is not None or served is not None,
            reasoned=thought,
            thought=thought,
        )

    def error_body(self, *, code: str, message: str, status: int, exchange: str | None) -> bytes:
        """``{"type": "error", "error": {"type", "message", "code"}, "request_id"}``."""
        error = {"type": _type_of(status), "message": message, "code": code}
        return msgspec.json.encode({"type": "error", "error": error, "request_id": exchange})

    def error_frame(self, *, code: str, message: str, status: int, exchange: str | None) -> bytes:
        """The in-band frame on which the official SDK raises ``APIStatusError``."""
        body = self.error_body(code=code, message=message, status=status, exchange=exchange)
        return b"event: error\ndata: " + body + b"\n\n"

    def decoder(self, *, choices: int = 1) -> MessagesDecoder:
        """A decoder for one streamed answer; ``choices`` is always 1 in this dialect."""
        return MessagesDecoder()

    def models_page(self, names: Iterable[str]) -> bytes:
        """The body of ``GET /v1/models``, for a caller that sends ``anthropic-version``."""
        models = [
            {"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"} for name in names
        ]
        first, last = (models[0]["id"], models[-1]["id"]) if models else (None, None)
        return msgspec.json.encode({"data": models, "has_more": False, "first_id": first, "last_id": last})


def _served(answer: WireAnswer, hop: int | None) -> str | None:
    """The model that the provider fell back to, where it says so."""
    served = served_by(answer.usage.iterations) if answer.usage else None
    if served is None and hop is not None and answer.content:
        served = handed_to(answer.content[hop].to)
    return served


def _type_of(status: int) -> str:
    known = {
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        503: "overloaded_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
    return known.get(status, "api_error" if status >= 500 else "invalid_request_error")


def _shown(body: bytes) -> set[str]:
    """What blocks need of a model: to see images, to read files, to have been given a file before."""
    needs = set()
    for block in (block for message in _BODY.decode(body)["messages"] for block in _blocks(message)):
        source = block.get("source")
        kind = source.get("type") if isinstance(source, dict) else None
        if block.get("type") == "image":
            needs.add("vision")
        # A document of plain text is text.
        elif block.get("type") == "document" and kind not in ("text", "content"):
            needs.add("files")
        if kind == "file":
            needs.add(STATE)
    return needs


def _blocks(holder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The blocks in a message, and those in a tool's result or in a document made of blocks."""
    for place in (holder, holder.get("source")):
        content = place.get("content") if isinstance(place, dict) else None
        for block in content if isinstance(content, list) else ():
            if isinstance(block, dict):
                yield block
                yield from _blocks(block)
