"""A streamed response of OpenAI's, told in the chunks of its chat."""

from __future__ import annotations

from typing import Any

import msgspec

from . import chat_wire, responses_wire
from .across_answers import chat_usage
from .across_responses_answers import finish_reason


class ChunksOfResponse:
    """The events of a response → OpenAI's chunks."""

    def __init__(self, model: str, include_usage: bool) -> None:
        self._model = model
        self._include_usage = include_usage
        self._id = "chatcmpl"
        self._said = False
        # The place of a call's item → OpenAI's index of the call, and whether any of its arguments came.
        self._calls: dict[int | None, int] = {}
        self._argued: set[int | None] = set()

    def take(self, data: bytes) -> bytes:
        """The chunks that one event makes."""
        event = responses_wire.decode_event(data)
        match event.type:
            case "response.created":
                return self._start(event)
            case "response.output_text.delta":
                return self._say("content", event.piece())
            case "response.refusal.delta":
                return self._say("refusal", event.piece())
            case "response.output_item.added":
                return self._call(event)
            case "response.function_call_arguments.delta" if event.output_index in self._calls:
                return self._argue(event.output_index, event.piece())
            case "response.output_item.done" if event.output_index in self._calls:
                return self._call_done(event)
            case "response.completed" | "response.incomplete" if event.response is not None:
                return self._finish(event.response)
        return b""

    def end(self) -> bytes:
        """A response ends with its terminal event alone, so nothing is ever owed."""
        return b""

    def _start(self, event: responses_wire.WireEvent) -> bytes:
        begun = event.response or responses_wire.WireResponse()
        self._id, self._model = begun.id or self._id, begun.model or self._model
        return self._chunk({"role": "assistant", "content": ""})

    def _say(self, field: str, piece: str) -> bytes:
        if not piece:
            return b""
        self._said = True
        return self._chunk({field: piece})

    def _call(self, event: responses_wire.WireEvent) -> bytes:
        item = event.item
        if item is None or item.type != "function_call":
            return b""
        self._calls[event.output_index] = len(self._calls)
        function = {"name": item.name, "arguments": ""}
        call = {"index": self._calls[event.output_index], "id": item.call_id, "type": "function", "function": function}
        return self._chunk({"tool_calls": [call]})

    def _argue(self, place: int | None, piece: str) -> bytes:
        self._argued.add(place)
        return self._chunk({"tool_calls": [{"index": self._calls[place], "function": {"arguments": piece}}]})

    def _call_done(self, event: responses_wire.WireEvent) -> bytes:
        # Some servers send a call's arguments only with its end.
        arguments = event.item.arguments if event.item is not None else None
        if event.output_index in self._argued:
            return b""
        return self._argue(event.output_index, arguments if isinstance(arguments, str) and arguments else "{}")

    def _finish(self, ended: responses_wire.WireResponse) -> bytes:
        out = b""
        if not self._said:
            # Some servers send an answer's text only here.
            for kind, field in (("output_text", "content"), ("refusal", "refusal")):
                out += self._say(field, "".join(item.said(kind) for item in ended.output or ()))
        usage = chat_usage(ended.usage.read()) if ended.usage else None
        out += self._chunk({}, finish_reason(ended.reason, calls=bool(self._calls)), usage)
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
