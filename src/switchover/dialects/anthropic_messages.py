"""Anthropic's messages: ``POST /v1/messages``.

Source: docs.claude.com/en/api/messages and docs.claude.com/en/docs/build-with-claude/streaming.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ..domain.exchange import Usage
from ..errors import BadRequest, Malformed
from .inner_errors import classify, error_message
from .shapes import Peek, ToolCall, Whole, is_utf8, plain_metadata, read_request, redact, with_model
from .sse import FrameDecoder


class _Head(msgspec.Struct):
    role: str


class _Request(msgspec.Struct):
    model: str
    messages: list[_Head]
    max_tokens: int
    stream: bool | None = None
    metadata: dict[str, Any] | None = None
    tools: list[msgspec.Raw] | None = None
    output_format: msgspec.Raw = msgspec.Raw(b"null")
    output_config: dict[str, Any] | None = None


class WireUsage(msgspec.Struct):
    """``input_tokens`` counts only what was neither read from nor written to the cache."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None

    def read(self, earlier: Usage | None = None) -> Usage:
        """As the domain counts: ``input`` is all input tokens, cached ones among them.

        The last event of a stream may repeat the input counts or leave them out; then those of ``earlier`` hold.
        """
        cached = self.cache_read_input_tokens or 0
        total = (self.input_tokens or 0) + cached + (self.cache_creation_input_tokens or 0)
        if earlier is not None and total < earlier.input:
            total, cached = earlier.input, earlier.cached_input
        return Usage(input=total, output=self.output_tokens or 0, cached_input=cached)


class WireBlock(msgspec.Struct):
    """One block of an answer's content."""

    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None


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


class WireEvent(msgspec.Struct):
    """Any event of a streamed answer."""

    type: str
    index: int | None = None
    message: WireAnswer | None = None
    content_block: WireBlock | None = None
    delta: WireDelta | None = None
    usage: WireUsage | None = None
    error: Any = None


class _Glance(msgspec.Struct):
    type: str
    index: int | None = None


_REQUEST = msgspec.json.Decoder(_Request)
_ANSWER = msgspec.json.Decoder(WireAnswer)
_EVENT = msgspec.json.Decoder(WireEvent)
_GLANCE = msgspec.json.Decoder(_Glance)
_BODY = msgspec.json.Decoder(dict[str, Any])

# Blocks that say nothing by being opened; any other block (a tool call, a search result) is content by itself.
_SILENT_BLOCKS = frozenset({"text", "thinking", "redacted_thinking"})


class MessagesDecoder(FrameDecoder):
    """Decodes one streamed answer; terminal is ``message_stop`` and nothing else.

    Order is checked, since the official SDK passes over what it does not expect: an event must bear its name, blocks
    must be open when a delta comes, and no index may open twice.
    """

    __slots__ = ("_open", "_opened", "_started")

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self._open: set[int | None] = set()
        self._opened: set[int | None] = set()

    def _event(self, name: bytes, data: bytes) -> bool:
        if not is_utf8(data):
            return self._broken("frame-not-json", "A data line is not UTF-8.")
        try:
            if self.committed and name == b"content_block_delta":
                glance = _GLANCE.decode(data)
                if glance.type == "content_block_delta" and glance.index in self._open:
                    self.progressed += 1
                    return True
            event = _EVENT.decode(data)
        except (msgspec.DecodeError, RecursionError) as error:
            return self._broken("frame-not-json", f"A data line does not parse: {redact(str(error))}")
        if event.type == "error" or name == b"error" or event.error:
            self.failure = classify(event.error or "The provider sent an error event.")
            return False
        if event.type.encode() != name:
            return self._broken("events-out-of-order", "An event's name and its type differ.")
        known = _STEPS.get(event.type)
        return True if known is None else known(self, event)

    def _message_start(self, event: WireEvent) -> bool:
        if self._started:
            return self._broken("events-out-of-order", "The message started twice.")
        self._started = True
        if event.message is not None:
            self.model = event.message.model
            self.usage = event.message.usage.read() if event.message.usage else None
        return True

    def _block_start(self, event: WireEvent) -> bool:
        if not self._started or event.index in self._opened or event.content_block is None:
            return self._broken("events-out-of-order", "A content block started twice, or before its message.")
        self._open.add(event.index)
        self._opened.add(event.index)
        if event.content_block.type not in _SILENT_BLOCKS:
            self.committed = True
            self.progressed += 1
        return True

    def _block_delta(self, event: WireEvent) -> bool:
        if event.index not in self._open or event.delta is None:
            return self._broken("events-out-of-order", "A delta came for a content block that is not open.")
        self.progressed += 1
        if event.delta.text or event.delta.partial_json is not None:
            self.committed = True
        elif event.delta.thinking:
            self.reasoned = True
        return True

    def _block_stop(self, event: WireEvent) -> bool:
        if event.index not in self._open:
            return self._broken("events-out-of-order", "A content block ended that is not open.")
        self._open.discard(event.index)
        return True

    def _message_delta(self, event: WireEvent) -> bool:
        if not self._started:
            return self._broken("events-out-of-order", "The message went on before it started.")
        if event.delta is not None and event.delta.stop_reason is not None:
            self.reason = event.delta.stop_reason
        if event.usage is not None:
            self.usage = event.usage.read(self.usage)
        return True

    def _message_stop(self, event: WireEvent) -> bool:
        if not self._started or self._open:
            return self._broken("events-out-of-order", "The message ended with a content block open, or unstarted.")
        self.finished = True
        return True


_STEPS = {
    "message_start": MessagesDecoder._message_start,
    "content_block_start": MessagesDecoder._block_start,
    "content_block_delta": MessagesDecoder._block_delta,
    "content_block_stop": MessagesDecoder._block_stop,
    "message_delta": MessagesDecoder._message_delta,
    "message_stop": MessagesDecoder._message_stop,
}


class AnthropicMessages:
    """The dialect; see :class:`~switchover.domain.ports.Dialect`."""

    name = "anthropic_messages"
    path = "/v1/messages"

    def peek(self, body: bytes) -> Peek:
        """What planning needs of a request; raises :class:`BadRequest` with the place that is wrong."""
        request = read_request(body, _REQUEST)
        if not request.model:
            raise BadRequest("`model` is empty; name a route.")
        if not request.messages:
            raise BadRequest("`messages` is empty; send at least one message.")
        if request.max_tokens < 1:
            raise BadRequest(f"`max_tokens` is {request.max_tokens}; send at least 1.")
        needs = set()
        if request.tools:
            needs.add("tools")
        config = request.output_config
        if bytes(request.output_format) != b"null" or (config and config.get("format")):
            needs.add("json_schema")
        holds = bool(needs)
        if b'"image"' in body and _shows_images(body):
            needs.add("vision")
        return Peek(
            model=request.model,
            stream=bool(request.stream),
            metadata=plain_metadata(request.metadata),
            holds=holds,
            needs=frozenset(needs),
        )

    def with_model(self, body: bytes, model: str) -> bytes:
        """The same request for another model; every other field's bytes stay as they are."""
        return with_model(body, model)

    def read_answer(self, body: bytes) -> Whole:
        """A whole answer; raises :class:`Malformed` when it is none."""
        answer = decode_answer(body)
        blocks = answer.content or []
        calls = [
            ToolCall(
                id=block.id or "", name=block.name or "", arguments=msgspec.json.encode(block.input or {}).decode()
            )
            for block in blocks
            if block.type == "tool_use"
        ]
        return Whole(
            text="".join(block.text or "" for block in blocks if block.type == "text") or None,
            tool_calls=tuple(calls),
            reason=answer.stop_reason,
            usage=answer.usage.read() if answer.usage else None,
            model=answer.model,
            reasoned=any(block.type in ("thinking", "redacted_thinking") for block in blocks),
        )

    def error_message(self, body: bytes) -> str:
        """What the provider says went wrong, without the keys that providers echo."""
        return error_message(body)

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


def decode_answer(body: bytes) -> WireAnswer:
    """A whole answer as sent; raises :class:`Malformed` when it is not one."""
    if not is_utf8(body):
        raise Malformed("The answer is not UTF-8.")
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Malformed(f"The answer does not parse: {redact(str(error))}") from error
    if answer.error or answer.type == "error":
        fault, status, message = classify(answer.error)
        raise Malformed(f"The answer is an error: {message}", fault=fault, seen_status=status)
    if answer.content is None:
        raise Malformed("The answer has no content.")
    return answer


def decode_event(data: bytes) -> WireEvent:
    """One event that a decoder has let through."""
    return _EVENT.decode(data)


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


def _shows_images(body: bytes) -> bool:
    messages = _BODY.decode(body)["messages"]
    contents = [message.get("content") for message in messages]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return any(isinstance(part, dict) and part.get("type") == "image" for part in parts)
