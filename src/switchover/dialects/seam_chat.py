"""The seam of an answer in OpenAI's chat."""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.exchange import Usage
from .across_answers import chat_usage
from .chat_wire import DONE, WireMessage, decode_chunk
from .seam import A_TOOL_CALL, ENDING, REASONING, REFUSING, Seam
from .sse import events


class _Head(msgspec.Struct):
    id: str | None = None
    created: int | None = None
    model: str | None = None


_HEAD = msgspec.json.Decoder(_Head)


class ChatSeam(Seam):
    """Every chunk of the rest bears the first one's id; ``include_usage``: the caller asked for a usage chunk."""

    def __init__(self, sent: bytes, *, include_usage: bool) -> None:
        super().__init__()
        self._include_usage = include_usage
        head: _Head | None = None
        pieces: list[str] = []
        for _, data in events(sent):
            head = head or _HEAD.decode(data)
            for choice in decode_chunk(data).choices or ():
                self.barred = self.barred or (ENDING if choice.finish_reason is not None else "")
                pieces.append(self._sent(choice.delta or WireMessage()))
        self.text, self._head = "".join(pieces), head or _Head()

    def _sent(self, delta: WireMessage) -> str:
        if delta.tool_calls or delta.function_call or delta.audio:
            self.barred = A_TOOL_CALL
        elif delta.refusal:
            self.barred = REFUSING
        elif delta.reasoning_content or delta.reasoning:
            self.barred = self.barred or REASONING
        elif delta.content and self.barred == REASONING:
            self.barred = ""
        return delta.text()

    def take(self, frames: bytes) -> str:
        """See :class:`Seam`."""
        pieces: list[str] = []
        for _, data in events(frames):
            if data[:6] == b"[DONE]":
                break
            chunk = decode_chunk(data)
            self.model = chunk.model or self.model
            for choice in chunk.choices or ():
                delta = choice.delta or WireMessage()
                pieces.append(delta.text() or delta.refusal or "")
                self.reason = choice.finish_reason or self.reason
        return "".join(pieces)

    def say(self, text: str) -> bytes:
        """See :class:`Seam`."""
        return self._frame(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None}])

    def end(self, usage: Usage) -> bytes:
        """See :class:`Seam`."""
        out = self._frame(choices=[{"index": 0, "delta": {}, "finish_reason": self.reason or "stop"}])
        if self._include_usage:
            out += self._frame(choices=[], usage=chat_usage(usage))
        return out + DONE

    def _frame(self, **fields: Any) -> bytes:
        head = self._head
        told = {
            "id": head.id or "chatcmpl",
            "object": "chat.completion.chunk",
            "created": head.created or 0,
            "model": self.model or head.model,
        }
        return b"data: " + msgspec.json.encode({**told, **fields}) + b"\n\n"
