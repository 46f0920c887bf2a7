"""One streamed answer in Anthropic's dialect, event by event."""

from __future__ import annotations

import msgspec

from .inner_errors import classify
from .messages_wire import WireEvent, decode_event
from .provider_fallback import BLOCK, handed_to, served_by
from .shapes import is_utf8
from .sse import FrameDecoder


class _Glance(msgspec.Struct):
    type: str
    index: int | None = None


_GLANCE = msgspec.json.Decoder(_Glance)

# Blocks that say nothing by being opened; any other block (a tool call, a search result) is content by itself.
_INSIDE = {"tool_use": "tool", "server_tool_use": "tool", "thinking": "reasoning"}
_SILENT_BLOCKS = frozenset({"text", "thinking", "redacted_thinking", BLOCK})


class MessagesDecoder(FrameDecoder):
    """Decodes one streamed answer; terminal is ``message_stop`` and nothing else.

    Order is checked, since the official SDK passes over what it does not expect: an event must bear its name, blocks
    must be open when a delta comes, and no index may open twice.
    """

    __slots__ = ("_called", "_open", "_opened", "_started")

    def __init__(self) -> None:
        super().__init__()
        self._started = self._called = False
        self._open: set[int | None] = set()
        self._opened: set[int | None] = set()

    def _event(self, name: bytes, data: bytes) -> bool:
        if not is_utf8(data):
            return self._not_utf8()
        try:
            if self.committed and name == b"content_block_delta":
                glance = _GLANCE.decode(data)
                if glance.type == "content_block_delta" and glance.index in self._open:
                    self.progressed += 1
                    return True
            event = decode_event(data)
        except (msgspec.DecodeError, RecursionError) as error:
            return self._not_json(error)
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
            self.model, self.id = event.message.model, event.message.id
            usage = event.message.usage
            return usage is None or self._counted(usage.read())
        return True

    def _block_start(self, event: WireEvent) -> bool:
        if not self._started or event.index in self._opened or event.content_block is None:
            return self._broken("events-out-of-order", "A content block started twice, or before its message.")
        self._open.add(event.index)
        self._opened.add(event.index)
        kind = event.content_block.type
        self.inside = _INSIDE.get(kind, "")
        if kind not in _SILENT_BLOCKS:
            self.committed = True
            self.progressed += 1
        if kind == "tool_use":
            self._called = True
        elif kind == BLOCK:
            self.abandons = self._called
            self._handed_over(handed_to(event.content_block.to))
        return True

    def _handed_over(self, model: str | None) -> None:
        self.fell_back = True
        self.model = model or self.model

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
        self.inside = ""
        return True

    def _message_delta(self, event: WireEvent) -> bool:
        if not self._started:
            return self._broken("events-out-of-order", "The message went on before it started.")
        if event.delta is not None and event.delta.stop_reason is not None:
            self.reason = event.delta.stop_reason
        if event.usage is None:
            return True
        served = served_by(event.usage.iterations)
        if served is not None:
            self._handed_over(served)
        return self._counted(event.usage.read(self.usage))

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
