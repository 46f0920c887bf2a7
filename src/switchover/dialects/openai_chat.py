"""OpenAI's chat completions: ``POST /v1/chat/completions``.

Source: platform.openai.com/docs/api-reference/chat and /chat-streaming.
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

DONE = b"data: [DONE]\n\n"


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


class _CachedTokens(msgspec.Struct):
    cached_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """``prompt_tokens`` counts cached tokens too."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _CachedTokens | None = None

    def read(self) -> Usage:
        """As the domain counts: ``input`` is all input tokens, cached ones among them."""
        details = self.prompt_tokens_details
        return Usage(
            input=self.prompt_tokens or 0,
            output=self.completion_tokens or 0,
            cached_input=(details.cached_tokens or 0) if details else 0,
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


class _ChoiceEnd(msgspec.Struct):
    index: int = 0
    finish_reason: str | None = None


class _Glance(msgspec.Struct):
    """All that is read of a chunk after the commit point; the rest is only checked to be JSON."""

    choices: list[_ChoiceEnd] | None = None
    usage: Any = None
    error: Any = None

    def is_plain(self) -> bool:
        """One choice's content and nothing that ends or counts it."""
        choices = self.choices
        return (
            choices is not None
            and len(choices) == 1
            and choices[0].index == 0
            and choices[0].finish_reason is None
            and self.usage is None
            and not self.error
        )


_REQUEST = msgspec.json.Decoder(_Request)
_ANSWER = msgspec.json.Decoder(WireAnswer)
_GLANCE = msgspec.json.Decoder(_Glance)
_PARTS = msgspec.json.Decoder(dict[str, Any])


class ChatDecoder(FrameDecoder):
    """Decodes one streamed answer.

    Terminal is ``[DONE]``. An answer in which every choice got its finish reason is whole even when ``[DONE]`` was
    lost: then ``close`` says Finished and ``lost_terminal`` holds the ``[DONE]`` to send on. ``choices`` is the
    request's ``n``: with fewer finished choices the answer is not whole.
    """

    __slots__ = ("_choices", "_done", "_seen")

    def __init__(self, *, choices: int = 1) -> None:
        super().__init__()
        self._choices = choices
        self._seen: set[int] = set()
        self._done: set[int] = set()

    def _is_whole(self) -> bool:
        return len(self._done) >= self._choices and self._seen <= self._done

    def _event(self, name: bytes, data: bytes) -> bool:
        if data[:6] == b"[DONE]":
            self.finished = True
            self.lost_terminal = b""
            return True
        if not is_utf8(data):
            return self._broken("frame-not-json", "A data line is not UTF-8.")
        try:
            if self.committed and not self._done and name != b"error":
                glance = _GLANCE.decode(data)
                if glance.is_plain():
                    self.progressed += 1
                    return True
            return self._chunk(_ANSWER.decode(data), name)
        except (msgspec.DecodeError, RecursionError) as error:
            return self._broken("frame-not-json", f"A data line does not parse: {redact(str(error))}")

    def _chunk(self, chunk: WireAnswer, name: bytes) -> bool:
        if chunk.error or name == b"error" or chunk.object == "error":
            self.failure = classify(chunk.error or "The provider sent an error event.")
            return False
        self.model = self.model or chunk.model
        if chunk.usage is not None:
            self.usage = chunk.usage.read()
        for choice in chunk.choices or ():
            if not self._choice(choice):
                return False
        if self._is_whole():
            self.lost_terminal = DONE
        return True

    def _choice(self, choice: WireChoice) -> bool:
        delta = choice.delta
        self._seen.add(choice.index)
        if delta is not None and (
            delta.content or delta.tool_calls or delta.refusal or delta.function_call or delta.audio
        ):
            if choice.index in self._done:
                return self._broken("events-out-of-order", "Content came after the choice's finish reason.")
            self.committed = True
            self.progressed += 1
        elif delta is not None and (delta.reasoning_content or delta.reasoning):
            self.reasoned = True
            self.progressed += 1
        if choice.finish_reason is not None:
            self.reason = self.reason or choice.finish_reason
            self._done.add(choice.index)
        return True


class OpenAIChat:
    """The dialect; see :class:`~switchover.domain.ports.Dialect`."""

    name = "openai_chat"
    path = "/v1/chat/completions"

    def peek(self, body: bytes) -> Peek:
        """What planning needs of a request; raises :class:`BadRequest` with the place that is wrong."""
        request = read_request(body, _REQUEST)
        if not request.model:
            raise BadRequest("`model` is empty; name a route.")
        if not request.messages:
            raise BadRequest("`messages` is empty; send at least one message.")
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
        # The bytes `"image_url"` can't occur inside a JSON string that says more, so this rarely parses in vain.
        if b'"image_url"' in body and _shows_images(body):
            needs.add("vision")
        options = request.stream_options
        return Peek(
            model=request.model,
            stream=bool(request.stream),
            metadata=plain_metadata(request.metadata),
            holds=holds,
            needs=frozenset(needs),
            n=n,
            include_usage=bool(options and options.include_usage),
        )

    def with_model(self, body: bytes, model: str) -> bytes:
        """The same request for another model; every other field's bytes stay as they are."""
        return with_model(body, model)

    def read_answer(self, body: bytes) -> Whole:
        """A whole answer; raises :class:`Malformed` when it is none."""
        answer = decode_answer(body)
        choice = (answer.choices or [WireChoice()])[0]
        message = choice.message or WireMessage()
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
            reasoned=bool(message.reasoning_content or message.reasoning),
        )

    def error_message(self, body: bytes) -> str:
        """What the provider says went wrong, without the keys that providers echo."""
        return error_message(body)

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


def decode_answer(body: bytes) -> WireAnswer:
    """A whole answer as sent; raises :class:`Malformed` when it is not one."""
    if not is_utf8(body):
        raise Malformed("The answer is not UTF-8.")
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Malformed(f"The answer does not parse: {redact(str(error))}") from error
    if answer.error:
        fault, status, message = classify(answer.error)
        raise Malformed(f"The answer is an error: {message}", fault=fault, seen_status=status)
    if not answer.choices or answer.choices[0].message is None:
        raise Malformed("The answer has no choices.")
    return answer


def decode_chunk(data: bytes) -> WireAnswer:
    """One chunk that a decoder has let through."""
    return _ANSWER.decode(data)


def _type_of(status: int) -> str:
    known = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
    return known.get(status, "server_error" if status >= 500 else "invalid_request_error")


def _shows_images(body: bytes) -> bool:
    messages = _PARTS.decode(body)["messages"]
    parts = (part for message in messages for part in _listed(message.get("content")))
    return any(isinstance(part, dict) and part.get("type") == "image_url" for part in parts)


def _listed(content: Any) -> list[Any]:
    return content if isinstance(content, list) else []
