"""The seam of an answer in Anthropic's messages."""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.exchange import Usage
from .across_answers import TO_FINISH_REASON, TO_STOP_REASON, messages_usage
from .messages_wire import WireEvent, decode_event
from .seam import A_TOOL_CALL, ENDING, REASONING, Seam
from .sse import events

_SILENT = frozenset({"text", "thinking", "redacted_thinking"})


class MessagesSeam(Seam):
    """The text block that is open goes on; where none is, another one is opened behind the last."""

    def __init__(self, sent: bytes) -> None:
        super().__init__()
        self._open: dict[int, str] = {}
        self._last = -1
        pieces: list[str] = []
        for _, data in events(sent):
            event = decode_event(data)
            if event.type == "message_delta":
                self.barred = ENDING
            elif event.type == "content_block_start" and event.content_block is not None:
                pieces.append(self._begun(event.index or 0, event.content_block.type, event.content_block.text))
            elif event.type == "content_block_stop":
                self._open.pop(event.index or 0, None)
            elif event.type == "content_block_delta" and event.delta is not None:
                pieces.append(event.delta.text or "")
        self.text = "".join(pieces)
        if any(kind != "text" for kind in self._open.values()):
            self.barred = self.barred or REASONING
        self._block = max(self._open, default=None)

    def _begun(self, index: int, kind: str, text: str | None) -> str:
        self._open[index], self._last = kind, max(self._last, index)
        if kind not in _SILENT:
            self.barred = A_TOOL_CALL
        return text or "" if kind == "text" else ""

    def take(self, frames: bytes) -> str:
        """See :class:`Seam`."""
        return "".join([self._rest(decode_event(data)) for _, data in events(frames)])

    def _rest(self, event: WireEvent) -> str:
        if event.type == "message_start" and event.message is not None:
            self.model = event.message.model
        elif event.type == "content_block_start" and event.content_block is not None:
            return event.content_block.text or "" if event.content_block.type == "text" else ""
        elif event.type == "content_block_delta" and event.delta is not None:
            return event.delta.text or ""
        elif event.type == "message_delta" and event.delta is not None and event.delta.stop_reason is not None:
            self.reason = TO_FINISH_REASON.get(event.delta.stop_reason, event.delta.stop_reason)
            self.stop_sequence = event.delta.stop_sequence
        return ""

    def say(self, text: str) -> bytes:
        """See :class:`Seam`."""
        out = b""
        if self._block is None:
            self._block = self._last + 1
            out = _event("content_block_start", index=self._block, content_block={"type": "text", "text": ""})
        return out + _event("content_block_delta", index=self._block, delta={"type": "text_delta", "text": text})

    def end(self, usage: Usage) -> bytes:
        """See :class:`Seam`."""
        out = b"" if self._block is None else _event("content_block_stop", index=self._block)
        reason = TO_STOP_REASON.get(self.reason or "stop", self.reason)
        if self.stop_sequence is not None:
            reason = "stop_sequence"
        delta = {"stop_reason": reason, "stop_sequence": self.stop_sequence}
        return out + _event("message_delta", delta=delta, usage=messages_usage(usage)) + _event("message_stop")


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + msgspec.json.encode({"type": kind, **fields}) + b"\n\n"
