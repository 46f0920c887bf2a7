"""OpenAI's streamed responses: which events are content, which one ends the answer, which mean that it failed."""

from __future__ import annotations

import msgspec

from .inner_errors import classify
from .responses_wire import WireEvent, WireResponse, decode_event
from .shapes import is_utf8
from .sse import FrameDecoder

# Items that say nothing by being opened; any other item (a tool call, a search) is content by itself.
_INSIDE = {"function_call": "tool", "custom_tool_call": "tool", "reasoning": "reasoning"}
_SILENT_ITEMS = frozenset({"message", "reasoning"})


class _Glance(msgspec.Struct, gc=False):
    """All that is read of a delta."""

    type: str
    sequence_number: int | None = None
    output_index: int | None = None


_GLANCE = msgspec.json.Decoder(_Glance)


class ResponsesDecoder(FrameDecoder):
    """Decodes one streamed answer; terminal is ``response.completed`` or ``response.incomplete``.

    Content is any delta but one of reasoning, and any tool call. Order is checked, since clients build the answer from
    it: sequence numbers rise, an item opens once, and deltas come for open items. Whatever bears an ``output_index``
    counts as progress; ``response.in_progress`` and ``keepalive`` do not.
    """

    __slots__ = ("_number", "_open", "_opened")

    def __init__(self) -> None:
        super().__init__()
        self._number: int | None = None
        self._open: set[int] = set()
        self._opened: set[int] = set()

    def _event(self, name: bytes, data: bytes) -> bool:
        if not is_utf8(data):
            return self._not_utf8()
        try:
            if name[-6:] == b".delta":
                return self._delta(_GLANCE.decode(data), name)
            event = decode_event(data)
        except (msgspec.DecodeError, RecursionError) as error:
            return self._not_json(error)
        if event.error or event.type == "error" or name == b"error":
            said = {"type": event.type, "code": event.code, "message": event.message}
            self.failure = classify(event.error or said)
            return False
        if event.type[-6:] == ".delta":
            return self._delta(_Glance(event.type, event.sequence_number, event.output_index), name)
        if not self._in_order(event.type, event.sequence_number, name):
            return False
        if event.output_index is not None:
            self.progressed += 1
        step = _STEPS.get(event.type)
        return True if step is None else step(self, event)

    def _in_order(self, kind: str, number: int | None, name: bytes) -> bool:
        if name and kind.encode() != name:
            return self._broken("events-out-of-order", "An event's name and its type differ.")
        if number is not None:
            if self._number is not None and number <= self._number:
                return self._broken("events-out-of-order", "An event's sequence number does not follow.")
            self._number = number
        return True

    def _delta(self, event: _Glance, name: bytes) -> bool:
        if not self._in_order(event.type, event.sequence_number, name):
            return False
        # Deltas of audio belong to no item.
        if event.output_index is not None and event.output_index not in self._open:
            return self._broken("events-out-of-order", "A delta came for an output item that is not open.")
        self.progressed += 1
        if event.type.startswith("response.reasoning"):
            self.reasoned = True
        else:
            self.committed = True
        return True

    def _begun(self, event: WireEvent) -> bool:
        if event.response is not None:
            self._read(event.response)
        return True

    def _item_added(self, event: WireEvent) -> bool:
        if event.output_index is None or event.output_index in self._opened or event.item is None:
            return self._broken("events-out-of-order", "An output item started twice, or without its place.")
        self._open.add(event.output_index)
        self._opened.add(event.output_index)
        self.inside = _INSIDE.get(event.item.type or "", "")
        if event.item.type not in _SILENT_ITEMS:
            self.committed = True
        elif event.item.type == "reasoning":
            self.reasoned = True
        return True

    def _item_done(self, event: WireEvent) -> bool:
        if event.output_index is None or event.output_index not in self._open:
            return self._broken("events-out-of-order", "An output item ended that is not open.")
        self._open.discard(event.output_index)
        self.inside = ""
        return True

    def _ended(self, event: WireEvent) -> bool:
        response = event.response
        if response is None:
            return self._broken("events-out-of-order", "The answer ended without its response.")
        if response.error or response.status == "failed":
            return self._failed_response(event)
        if not self._read(response):
            return False
        self.reason = response.reason
        # Some servers send an answer's text only here.
        self.committed = self.committed or any(not item.is_silent for item in response.output or ())
        self.finished = True
        return True

    def _failed_response(self, event: WireEvent) -> bool:
        error = event.response.error if event.response is not None else None
        self.failure = classify(error or "The response failed.")
        return False

    def _read(self, response: WireResponse) -> bool:
        self.model = response.model or self.model
        self.id = self.id or response.id
        return response.usage is None or self._counted(response.usage.read())


_STEPS = {
    "response.created": ResponsesDecoder._begun,
    "response.in_progress": ResponsesDecoder._begun,
    "response.output_item.added": ResponsesDecoder._item_added,
    "response.output_item.done": ResponsesDecoder._item_done,
    "response.completed": ResponsesDecoder._ended,
    "response.incomplete": ResponsesDecoder._ended,
    "response.failed": ResponsesDecoder._failed_response,
}
