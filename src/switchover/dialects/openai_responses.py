"""OpenAI's responses: ``POST /v1/responses``.

Source: platform.openai.com/docs/api-reference/responses. An answer that needs what the provider keeps of earlier ones
(:data:`STATE`) can come from that provider alone; all else can be switched.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ..errors import BadRequest
from .inner_errors import error_message
from .openai_chat import OpenAIChat
from .provider_fallback import Field, substitutes
from .responses_decoder import ResponsesDecoder
from .responses_wire import WireItem, decode_answer
from .shapes import STATE, Peek, ToolCall, Whole, limit_of, plain_metadata, read_request, with_model

# Begins the id of an answer that no provider keeps, as it was told from another dialect.
UNKEPT = "resp_unkept_"


class _Format(msgspec.Struct):
    type: str = "text"


class _Text(msgspec.Struct):
    format: _Format | None = None


class _Tool(msgspec.Struct):
    type: str


class _Request(msgspec.Struct):
    model: str
    input: str | list[dict[str, Any]] | None = None
    stream: bool | None = None
    metadata: dict[str, Any] | None = None
    tools: list[_Tool] | None = None
    text: _Text | None = None
    top_logprobs: int | None = None
    include: list[str] | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    prompt: Any = None
    models: Field = msgspec.UNSET
    fallbacks: Field = msgspec.UNSET
    max_output_tokens: Any = None


_REQUEST = msgspec.json.Decoder(_Request)
# Parts that not every model can look at.
SHOWN = {"input_image": "vision", "input_file": "files"}
_CHAT = OpenAIChat()


class OpenAIResponses:
    """The dialect; see :class:`~switchover.domain.ports.Dialect`."""

    name = "openai_responses"
    path = "/v1/responses"
    written = name

    def peek(self, body: bytes) -> Peek:
        """What planning needs of a request; raises :class:`BadRequest` with the place that is wrong."""
        request = read_request(body, _REQUEST)
        if not request.model:
            raise BadRequest("`model` is empty; name a route.")
        needs_state = _needs_state(request)
        if not request.input and not needs_state:
            raise BadRequest("`input` is empty; send text or at least one item.")
        if request.background:
            raise BadRequest("`background` answers are fetched later, which this gateway can't do; leave it out.")
        if (request.previous_response_id or "").startswith(UNKEPT):
            raise BadRequest("`previous_response_id` names an answer that no provider keeps; send the whole input.")
        needs = set()
        if request.tools:
            needs.add("tools")
        if request.text is not None and request.text.format is not None and request.text.format.type != "text":
            needs.add("json_schema")
        if request.top_logprobs or "message.output_text.logprobs" in (request.include or ()):
            needs.add("logprobs")
        holds = bool(needs)
        if needs_state:
            needs.add(STATE)
        if b'"input_image"' in body or b'"input_file"' in body:
            needs |= {SHOWN[kind] for part in _parts(request) if (kind := part.get("type")) in SHOWN}
        return Peek(
            model=request.model,
            stream=bool(request.stream),
            metadata=plain_metadata(request.metadata),
            holds=holds,
            needs=frozenset(needs),
            substitutes=substitutes(request.models, request.fallbacks),
            limit=limit_of(request.max_output_tokens),
        )

    def with_model(self, body: bytes, model: str) -> bytes:
        """The same request for another model; every other field's bytes stay as they are."""
        return with_model(body, model)

    def read_answer(self, body: bytes) -> Whole:
        """A whole answer; raises :class:`Malformed` when it is none."""
        answer = decode_answer(body)
        items = answer.output or []
        text = "".join(item.said("output_text") for item in items) or "".join(item.said("refusal") for item in items)
        return Whole(
            text=text or None,
            tool_calls=tuple(_call(item) for item in items if item.type in ("function_call", "custom_tool_call")),
            reason=answer.reason,
            usage=answer.usage.read() if answer.usage else None,
            model=answer.model,
            id=answer.id,
            thought=any(item.type == "reasoning" for item in items),
            # Beside an item that is an answer by itself, such as an image, reasoning makes no answer empty.
            reasoned=any(item.type == "reasoning" for item in items) and all(item.is_silent for item in items),
        )

    def error_message(self, body: bytes) -> str:
        """What the provider says went wrong, without the keys that providers echo."""
        return error_message(body)

    def error_body(self, *, code: str, message: str, status: int, exchange: str | None) -> bytes:
        """``{"error": {"message", "type", "param", "code", "exchange"}}``."""
        return _CHAT.error_body(code=code, message=message, status=status, exchange=exchange)

    def error_frame(self, *, code: str, message: str, status: int, exchange: str | None) -> bytes:
        """The in-band frame on which the official SDK raises ``APIError``.

        The reference has an error event's fields at its top, where the SDK overlooks them; it raises on ``error``.
        """
        body = self.error_body(code=code, message=message, status=status, exchange=exchange)
        told = {"type": "error", "code": code, "message": message, "param": None, "sequence_number": 0}
        return b"event: error\ndata: " + msgspec.json.encode({**told, **msgspec.json.decode(body)}) + b"\n\n"

    def decoder(self, *, choices: int = 1) -> ResponsesDecoder:
        """A decoder for one streamed answer; ``choices`` is always 1 in this dialect."""
        return ResponsesDecoder()

    def models_page(self, names: Iterable[str]) -> bytes:
        """The body of ``GET /v1/models``."""
        return _CHAT.models_page(names)


def _needs_state(request: _Request) -> bool:
    if request.previous_response_id or request.conversation or request.prompt:
        return True
    if any(tool.type == "file_search" for tool in request.tools or ()):
        return True
    items = request.input if isinstance(request.input, list) else []
    # An item that is nothing but an id is a reference, with or without its type.
    if any(item.get("type") == "item_reference" or item.keys() == {"id"} for item in items):
        return True
    return any(part.get("file_id") for part in _parts(request))


def _parts(request: _Request) -> Iterable[dict[str, Any]]:
    """The parts of messages, and of what tools returned."""
    for item in request.input if isinstance(request.input, list) else ():
        for field in ("content", "output"):
            parts = item.get(field)
            if isinstance(parts, list):
                yield from (part for part in parts if isinstance(part, dict))


def _call(item: WireItem) -> ToolCall:
    arguments = item.arguments if item.type == "function_call" else item.input
    return ToolCall(
        id=item.call_id or item.id or "",
        name=item.name or "",
        arguments=arguments if isinstance(arguments, str) else "",
    )
