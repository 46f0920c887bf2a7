"""A streamed answer in one dialect, told in another, event by event; by way of the chat where neither is the chat."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from ..domain.exchange import Usage
from . import chat_wire, messages_wire
from .across_answers import TO_FINISH_REASON, chat_usage, messages_usage, stop_reason
from .across_chat_to_events import AsResponseEvents
from .across_events_to_chat import ChunksOfResponse
from .provider_fallback import BLOCK, handed_to
from .sse import events


class _Telling(Protocol):
    def take(self, data: bytes) -> bytes: ...

    def end(self) -> bytes: ...


class StreamTranslator:
    """Fed whole frames that the source's decoder let through; returns whole frames of the target's dialect.

    ``model`` is named where the answer names none. ``include_usage`` (towards OpenAI): also send the usage chunk with
    empty choices, which callers get only when they asked for it; the chunk with the finish reason bears usage anyway.
    Call ``close`` only once the source's decoder said Finished: it returns what is still owed. A stream that is cut
    gets no end here, so that nothing is invented.
    """

    def __init__(self, source: str, target: str, model: str, *, include_usage: bool = False) -> None:
        if source == target:
            raise ValueError(f"nothing to translate within {source}")
        steps: list[_Telling] = []
        if source != "openai_chat":
            responses = source == "openai_responses"
            steps.append(ChunksOfResponse(model, include_usage) if responses else _AsChunks(model, include_usage))
        if target != "openai_chat":
            steps.append(AsResponseEvents(model) if target == "openai_responses" else _AsMessages(model))
        self._first, *self._then = steps

    def feed(self, frames: bytes) -> bytes:
        """Whole frames in, whole frames out (possibly none)."""
        return self._through(_told(self._first, frames))

    def close(self) -> bytes:
        """What is owed at the end of a finished answer; nothing if it was sent already or no finish reason came."""
        out = self._through(self._first.end())
        for step in self._then:
            out += step.end()
        return out

    def _through(self, frames: bytes) -> bytes:
        for step in self._then:
            frames = _told(step, frames)
        return frames


def _told(step: _Telling, frames: bytes) -> bytes:
    return b"".join(step.take(data) for _, data in events(frames))


class _AsMessages:
    """OpenAI's chunks → Anthropic's events."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._started = False
        self._ended = False
        self._blocks = 0
        self._text: int | None = None
        # OpenAI's index of a tool call → index of its block. They stay open till the end: their pieces may interleave.
        self._tools: dict[int, int] = {}
        self._reason: str | None = None
        self._refused = False
        self._usage: Usage | None = None

    def take(self, data: bytes) -> bytes:
        if data[:6] == b"[DONE]":
            return self.end()
        chunk = chat_wire.decode_chunk(data)
        out: list[bytes] = [] if self._started else [self._start(chunk)]
        if chunk.usage is not None:
            self._usage = chunk.usage.read()
        for choice in chunk.choices or ():
            # Several choices are refused when the request is translated.
            if choice.index == 0:
                out += self._delta(choice.delta)
                self._reason = choice.finish_reason or self._reason
        return b"".join(out)

    def end(self) -> bytes:
        if self._ended or self._reason is None:
            return b""
        self._ended = True
        still_open = [*([self._text] if self._text is not None else []), *self._tools.values()]
        out = [_event("content_block_stop", index=index) for index in still_open]
        delta = {"stop_reason": stop_reason(self._reason, refused=self._refused), "stop_sequence": None}
        out.append(_event("message_delta", delta=delta, usage=messages_usage(self._usage)))
        out.append(_event("message_stop"))
        return b"".join(out)

    def _start(self, chunk: chat_wire.WireAnswer) -> bytes:
        self._started = True
        message: dict[str, Any] = {
            "id": chunk.id or "msg",
            "type": "message",
            "role": "assistant",
            "model": chunk.model or self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": messages_usage(None),
        }
        return _event("message_start", message=message)

    def _delta(self, delta: chat_wire.WireMessage | None) -> list[bytes]:
        if delta is None:
            return []
        out: list[bytes] = []
        text = delta.text() or delta.refusal
        self._refused = self._refused or bool(delta.refusal)
        if text:
            if self._text is None:
                self._text = self._open(out, {"type": "text", "text": ""})
            out.append(_event("content_block_delta", index=self._text, delta={"type": "text_delta", "text": text}))
        for position, call in enumerate(delta.tool_calls or ()):
            self._tool(out, call, position if call.index is None else call.index)
        return out

    def _tool(self, out: list[bytes], call: chat_wire.WireToolCall, key: int) -> None:
        function = call.function or chat_wire.WireFunction()
        if key not in self._tools:
            if self._text is not None:
                out.append(_event("content_block_stop", index=self._text))
                self._text = None
            block = {"type": "tool_use", "id": call.id or f"call_{key}", "name": function.name or "", "input": {}}
            self._tools[key] = self._open(out, block)
        if function.arguments:
            piece = {"type": "input_json_delta", "partial_json": function.arguments}
            out.append(_event("content_block_delta", index=self._tools[key], delta=piece))

    def _open(self, out: list[bytes], block: dict[str, Any]) -> int:
        index = self._blocks
        self._blocks += 1
        out.append(_event("content_block_start", index=index, content_block=block))
        return index


class _AsChunks:
    """Anthropic's events → OpenAI's chunks."""

    def __init__(self, model: str, include_usage: bool) -> None:
        self._model = model
        self._include_usage = include_usage
        self._id = "chatcmpl"
        self._ended = False
        # Anthropic's index of a block → OpenAI's index of the tool call, and whether any of its arguments came.
        self._tools: dict[int | None, int] = {}
        self._argued: set[int | None] = set()
        self._reason: str | None = None
        self._usage: Usage | None = None

    def take(self, data: bytes) -> bytes:
        event = messages_wire.decode_event(data)
        match event.type:
            case "message_start":
                return self._start(event)
            case "content_block_start":
                return self._block(event)
            case "content_block_delta":
                return self._delta(event)
            case "content_block_stop" if event.index in self._tools and event.index not in self._argued:
                # A call without arguments has no delta at Anthropic, but needs an object at OpenAI.
                return self._arguments(event.index, "{}")
            case "message_delta":
                if event.delta is not None:
                    self._reason = event.delta.stop_reason or self._reason
                if event.usage is not None:
                    self._usage = event.usage.read(self._usage)
            case "message_stop":
                return self._finish()
        return b""

    def end(self) -> bytes:
        """Anthropic's answers end with ``message_stop`` alone, so nothing is ever owed."""
        return b""

    def _start(self, event: messages_wire.WireEvent) -> bytes:
        message = event.message or messages_wire.WireAnswer()
        self._id, self._model = message.id or self._id, message.model or self._model
        self._usage = message.usage.read() if message.usage else None
        return self._chunk({"role": "assistant", "content": ""})

    def _block(self, event: messages_wire.WireEvent) -> bytes:
        block = event.content_block
        if block is None:
            return b""
        if block.type == "text" and block.text:
            return self._chunk({"content": block.text})
        if block.type == BLOCK:
            self._model = handed_to(block.to) or self._model
        if block.type != "tool_use":
            return b""
        self._tools[event.index] = len(self._tools)
        function = {"name": block.name, "arguments": ""}
        call = {"index": self._tools[event.index], "id": block.id, "type": "function", "function": function}
        return self._chunk({"tool_calls": [call]})

    def _delta(self, event: messages_wire.WireEvent) -> bytes:
        delta = event.delta
        if delta is not None and delta.text and delta.type == "text_delta":
            return self._chunk({"content": delta.text})
        if delta is not None and delta.partial_json and event.index in self._tools:
            self._argued.add(event.index)
            return self._arguments(event.index, delta.partial_json)
        return b""

    def _arguments(self, index: int | None, piece: str) -> bytes:
        return self._chunk({"tool_calls": [{"index": self._tools[index], "function": {"arguments": piece}}]})

    def _finish(self) -> bytes:
        # Only now: a stream cut between `message_delta` and `message_stop` must not look finished.
        reason = TO_FINISH_REASON.get(self._reason or "", self._reason)
        usage = chat_usage(self._usage) if self._usage else None
        out = self._chunk({}, reason, usage)
        if self._include_usage and usage is not None:
            out += _frame({**self._head(), "choices": [], "usage": usage})
        return out + chat_wire.DONE

    def _head(self) -> dict[str, Any]:
        return {"id": self._id, "object": "chat.completion.chunk", "created": 0, "model": self._model}

    def _chunk(self, delta: dict[str, Any], reason: str | None = None, usage: dict[str, Any] | None = None) -> bytes:
        chunk = {**self._head(), "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        if usage is not None:
            chunk["usage"] = usage
        return _frame(chunk)


def _frame(value: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def _event(type_: str, **fields: Any) -> bytes:
    return b"event: " + type_.encode() + b"\n" + _frame({"type": type_, **fields})
