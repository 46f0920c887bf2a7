"""OpenAI's chat completions: ``POST /v1/chat/completions``.

Source: platform.openai.com/docs/api-reference/chat and /chat-streaming.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ..errors import BadRequest
from .chat_decoder import ChatDecoder
from .chat_wire import WireChoice, WireMessage, decode_answer
from .inner_errors import error_message
from .provider_fallback import Field, substitutes
from .shapes import STATE, Peek, ToolCall, Whole, check_addressed, limit_of, plain_metadata, read_request, with_model


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Format(msgspec.Struct):
    type: str = "text"


class _Head(msgspec.Struct):
    role: str


class _Request(msgspec.Struct):
    model: str
    messages: list[_Head]
    stream: bool | None = None
    metadata: dict[str, Any] | None = None
    tools: list[msgspec.Raw] | None = None
    functions: list[msgspec.Raw] | None = None
    response_format: _Format | None = None
    n: int | None = None
    logprobs: bool | None = None
    stream_options: _StreamOptions | None = None
    models: Field = msgspec.UNSET
    fallbacks: Field = msgspec.UNSET
    max_tokens: Any = None
    max_completion_tokens: Any = None


NO_NEEDS: frozenset[str] = frozenset()
_REQUEST = msgspec.json.Decoder(_Request)
_PARTS = msgspec.json.Decoder(dict[str, Any])


class OpenAIChat:
    """The dialect; see :class:`~switchover.domain.ports.Dialect`."""

    name = "openai_chat"
    path = "/v1/chat/completions"
    written = name
    with_model = staticmethod(with_model)
    error_message = staticmethod(error_message)

    def peek(self, body: bytes) -> Peek:
        """What planning needs of a request; raises :class:`BadRequest` with the place that is wrong."""
        request = read_request(body, _REQUEST)
        check_addressed(request.model, request.messages)
        n = 1 if request.n is None else request.n
        if not 1 <= n <= 128:
            raise BadRequest(f"`n` is {n}; send a number from 1 to 128.")
        needs = set()
        if request.tools or request.functions:
            needs.add("tools")
        if request.response_format is not None and request.response_format.type != "text":
            needs.add("json_schema")
        if n > 1:
            needs.add("n")
        if request.logprobs:
            needs.add("logprobs")
        holds = bool(needs)
        # These bytes can't occur inside a JSON string that says more, so this rarely parses in vain.
        if b'"image_url"' in body or b'"file"' in body:
            needs |= _shown(body)
        options = request.stream_options
        return Peek(
            model=request.model,
            stream=bool(request.stream),
            metadata=plain_metadata(request.metadata) if request.metadata else {},
            holds=holds,
            needs=frozenset(needs) if needs else NO_NEEDS,
            n=n,
            include_usage=bool(options and options.include_usage),
            substitutes=substitutes(request.models, request.fallbacks),
            limit=limit_of(request.max_completion_tokens, request.max_tokens),
        )

    def read_answer(self, body: bytes) -> Whole:
        """A whole answer; raises :class:`Malformed` when it is none."""
        answer = decode_answer(body)
        choice = (answer.choices or [WireChoice()])[0]
        message = choice.message or WireMessage()
        thought = bool(message.reasoning_content or message.reasoning)
        calls = [
            ToolCall(id=call.id or "", name=call.function.name or "", arguments=call.function.arguments or "")
            for call in message.tool_calls or ()
            if call.function is not None
        ]
        return Whole(
            text=message.text() or message.refusal,
            tool_calls=tuple(calls),
            reason=choice.finish_reason,
            usage=answer.usage.read() if answer.usage else None,
            model=answer.model,
            id=answer.id,
            reasoned=thought,
            thought=thought,
        )

    def error_body(self, *, code: str, message: str, status: int, exchange: str | None) -> bytes:
        """``{"error": {"message", "type", "param", "code", "exchange"}}``."""
        error = {"message": message, "type": _type_of(status), "param": None, "code": code}
        if exchange is not None:
            error["exchange"] = exchange
        return msgspec.json.encode({"error": error})

    def error_frame(self, *, code: str, message: str, status: int, exchange: str | None) -> bytes:
        """The in-band frame on which the official SDK raises ``APIError``."""
        body = self.error_body(code=code, message=message, status=status, exchange=exchange)
        return b"data: " + body + b"\n\n"

    def decoder(self, *, choices: int = 1) -> ChatDecoder:
        """A decoder for one streamed answer with ``choices`` choices (the request's ``n``)."""
        return ChatDecoder(choices=choices)

    def models_page(self, names: Iterable[str]) -> bytes:
        """The body of ``GET /v1/models``."""
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "switchover"} for name in names]
        return msgspec.json.encode({"object": "list", "data": models})


def _type_of(status: int) -> str:
    known = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
    return known.get(status, "server_error" if status >= 500 else "invalid_request_error")


def _shown(body: bytes) -> set[str]:
    """What the parts of messages need of a model: to see images, to read files, to have been given a file before."""
    needs = set()
    messages = _PARTS.decode(body)["messages"]
    for part in (part for message in messages for part in _listed(message.get("content")) if isinstance(part, dict)):
        if part.get("type") == "image_url":
            needs.add("vision")
        elif part.get("type") == "file":
            needs.add("files")
            file = part.get("file")
            if isinstance(file, dict) and file.get("file_id"):
                needs.add(STATE)
    return needs


def _listed(content: Any) -> list[Any]:
    return content if isinstance(content, list) else []
