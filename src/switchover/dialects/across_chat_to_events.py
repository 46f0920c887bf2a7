"""A streamed answer of OpenAI's chat, told in the events of its responses."""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.exchange import Usage
from . import chat_wire
from .across_responses_answers import (
    call_item,
    ending,
    message_item,
    refusal_part,
    response,
    text_part,
)

_KINDS = {"output_text": text_part, "refusal": refusal_part}


class _Message:
    """A message that is being told: its place, and its parts, the last of which may be open."""

    def __init__(self, place: int, name: str) -> None:
        self.place, self.id = place, f"msg_{name}_{place}"
        self.kind = ""
        self.pieces: list[str] = []
        self.parts: list[dict[str, Any]] = []


class _FunctionCall:
    """A function call that is being told."""

    def __init__(self, place: int, call_id: str, name: str) -> None:
        self.place, self.call_id, self.name = place, call_id, name
        self.pieces: list[str] = []


class AsResponseEvents:
    """OpenAI's chunks → the events of a response."""

    def __init__(self, model: str) -> None:
        self._model, self._name = model, "answer"
        self._started = False
        self._ended = False
        self._number = -1
        self._output: dict[int, dict[str, Any]] = {}
        self._places = 0
        self._message: _Message | None = None
        # By OpenAI's index of the call. They stay open till the end: their pieces may interleave.
        self._calls: dict[int, _FunctionCall] = {}
        self._reason: str | None = None
        self._usage: Usage | None = None

    def take(self, data: bytes) -> bytes:
        """The events that one chunk makes."""
        if data[:6] == b"[DONE]":
            return self.end()
        chunk = chat_wire.decode_chunk(data)
        out: list[bytes] = [] if self._started else self._start(chunk)
        if chunk.usage is not None:
            self._usage = chunk.usage.read()
        for choice in chunk.choices or ():
            # Several choices are refused when the request is translated.
            if choice.index == 0:
                out += self._delta(choice.delta)
                self._reason = choice.finish_reason or self._reason
        return b"".join(out)

    def end(self) -> bytes:
        """The events that end a whole answer; nothing if they were told, or no finish reason came."""
        if self._ended or self._reason is None:
            return b""
        self._ended = True
        status, incomplete = ending(self._reason)
        out = self._close_message(status)
        for call in self._calls.values():
            out += self._close_call(call, status)
        output = [self._output[place] for place in sorted(self._output)]
        told = response(self._name, self._model, status, output, self._usage, incomplete)
        return b"".join([*out, self._event(f"response.{status}", response=told)])

    def _start(self, chunk: chat_wire.WireAnswer) -> list[bytes]:
        self._started = True
        self._name, self._model = chunk.id or self._name, chunk.model or self._model
        begun = response(self._name, self._model, "in_progress", [])
        return [self._event(f"response.{kind}", response=begun) for kind in ("created", "in_progress")]

    def _delta(self, delta: chat_wire.WireMessage | None) -> list[bytes]:
        if delta is None:
            return []
        out: list[bytes] = []
        for kind, piece in (("output_text", delta.text()), ("refusal", delta.refusal)):
            if piece:
                out += self._say(kind, piece)
        for position, call in enumerate(delta.tool_calls or ()):
            out += self._call(call, position if call.index is None else call.index)
        return out

    def _say(self, kind: str, piece: str) -> list[bytes]:
        out: list[bytes] = []
        message = self._message
        if message is None:
            message = self._message = _Message(self._place(), self._name)
            item = message_item(message.id, "in_progress", [])
            out.append(self._event("response.output_item.added", output_index=message.place, item=item))
        if message.kind != kind:
            out += self._close_part(message)
            message.kind = kind
            out.append(self._event("response.content_part.added", **self._at(message), part=_KINDS[kind]("")))
        message.pieces.append(piece)
        out.append(self._event(f"response.{kind}.delta", **self._at(message), delta=piece, **_logprobs(kind)))
        return out

    def _close_part(self, message: _Message) -> list[bytes]:
        if not message.kind:
            return []
        said = "".join(message.pieces)
        part, at = _KINDS[message.kind](said), self._at(message)
        field = "refusal" if message.kind == "refusal" else "text"
        message.parts.append(part)
        message.pieces = []
        return [
            self._event(f"response.{message.kind}.done", **at, **{field: said}, **_logprobs(message.kind)),
            self._event("response.content_part.done", **at, part=part),
        ]

    def _close_message(self, status: str) -> list[bytes]:
        message, self._message = self._message, None
        if message is None:
            return []
        out = self._close_part(message)
        item = self._output[message.place] = message_item(message.id, status, message.parts)
        return [*out, self._event("response.output_item.done", output_index=message.place, item=item)]

    def _call(self, piece: chat_wire.WireToolCall, key: int) -> list[bytes]:
        function = piece.function or chat_wire.WireFunction()
        out: list[bytes] = []
        call = self._calls.get(key)
        if call is None:
            out = self._close_message("completed")
            call = self._calls[key] = _FunctionCall(self._place(), piece.id or f"call_{key}", function.name or "")
            item = call_item(call.call_id, call.name, "", "in_progress")
            out.append(self._event("response.output_item.added", output_index=call.place, item=item))
        if function.arguments:
            out.append(self._argue(call, function.arguments))
        return out

    def _argue(self, call: _FunctionCall, piece: str) -> bytes:
        call.pieces.append(piece)
        at = {"item_id": f"fc_{call.call_id}", "output_index": call.place}
        return self._event("response.function_call_arguments.delta", **at, delta=piece)

    def _close_call(self, call: _FunctionCall, status: str) -> list[bytes]:
        # A call without arguments still needs an object.
        out = [] if call.pieces else [self._argue(call, "{}")]
        arguments = "".join(call.pieces)
        item = self._output[call.place] = call_item(call.call_id, call.name, arguments, status)
        told = {"item_id": item["id"], "output_index": call.place, "arguments": arguments}
        out.append(self._event("response.function_call_arguments.done", **told))
        return [*out, self._event("response.output_item.done", output_index=call.place, item=item)]

    def _place(self) -> int:
        self._places += 1
        return self._places - 1

    def _at(self, message: _Message) -> dict[str, Any]:
        return {"item_id": message.id, "output_index": message.place, "content_index": len(message.parts)}

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._number += 1
        told = msgspec.json.encode({"type": kind, "sequence_number": self._number, **fields})
        return b"event: " + kind.encode() + b"\ndata: " + told + b"\n\n"


def _logprobs(kind: str) -> dict[str, Any]:
    return {"logprobs": []} if kind == "output_text" else {}
