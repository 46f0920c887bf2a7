"""The seam of an answer in OpenAI's responses."""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.exchange import Usage
from .across_responses_answers import ending, finish_reason, message_item, responses_usage, text_part
from .responses_wire import decode_event
from .seam import A_TOOL_CALL, REASONING, REFUSING, Seam
from .sse import events

_EVENT = msgspec.json.Decoder(dict[str, Any])


class ResponsesSeam(Seam):
    """The part that is open goes on; where none is, another part or message is opened. Numbers go on from the last."""

    def __init__(self, sent: bytes) -> None:
        super().__init__()
        self._number = -1
        self._response: dict[str, Any] = {}
        self._items: dict[int, dict[str, Any]] = {}
        self._done: set[int] = set()
        self._part: dict[str, Any] | None = None
        self._is_said = False
        self._pieces: list[str] = []
        self._is_heard = False
        for _, data in events(sent):
            self._sent(_EVENT.decode(data))
        self.text = "".join(self._pieces)
        self._place = next((place for place in self._items if place not in self._done), None)
        self.barred = self.barred or self._inside()

    def _inside(self) -> str:
        """What it broke off inside of, if that is no text."""
        if self._place is not None and self._items[self._place].get("type") == "reasoning":
            return REASONING
        return REFUSING if self._part is not None and self._part.get("type") != "output_text" else ""

    def _sent(self, event: dict[str, Any]) -> None:
        kind, place = str(event.get("type")), event.get("output_index")
        number = event.get("sequence_number")
        self._number = number if isinstance(number, int) else self._number + 1
        if kind in ("response.created", "response.in_progress"):
            self._response = event.get("response") or self._response
        elif kind == "response.output_item.added" and place is not None:
            self._items[place] = event["item"]
            self._part = None
            if event["item"].get("type") not in ("message", "reasoning"):
                self.barred = A_TOOL_CALL
        elif kind == "response.output_item.done" and place is not None:
            self._items[place] = event["item"]
            self._done.add(place)
            self._part = None
        elif place is not None and self._items.get(place, {}).get("type") == "message":
            self._said(kind, place, event)

    def _said(self, kind: str, place: int, event: dict[str, Any]) -> None:
        """An event inside a message."""
        part = self._part
        if kind == "response.content_part.added":
            part = self._part = dict(event["part"])
            self._is_said = False
            self._parts(place).append(part)
        elif kind == "response.content_part.done":
            self._parts(place)[-1:] = [event["part"]]
            self._part = None
        elif part is None:
            return
        elif kind == "response.output_text.delta":
            self._pieces.append(event["delta"])
            part["text"] = (part.get("text") or "") + event["delta"]
        elif kind == "response.output_text.annotation.added":
            part["annotations"] = [*(part.get("annotations") or ()), event.get("annotation")]
        elif kind == "response.output_text.done":
            self._is_said = True

    def _parts(self, place: int) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = self._items[place].setdefault("content", [])
        return parts

    def take(self, frames: bytes) -> str:
        """See :class:`Seam`."""
        pieces: list[str] = []
        for _, data in events(frames):
            event = decode_event(data)
            if event.type in ("response.output_text.delta", "response.refusal.delta"):
                self._is_heard = True
                pieces.append(event.piece())
            response = event.response
            if response is None:
                continue
            self.model = response.model or self.model
            if event.type in ("response.completed", "response.incomplete"):
                self.reason = finish_reason(response.reason, calls=False)
                if not self._is_heard:
                    # Some servers send an answer's text only here.
                    pieces += [item.said("output_text") or item.said("refusal") for item in response.output or ()]
        return "".join(pieces)

    def say(self, text: str) -> bytes:
        """See :class:`Seam`."""
        out = self._close_part() if self._is_said else b""
        if self._place is None:
            place = self._place = max(self._items, default=-1) + 1
            self._items[place] = message_item(f"{self._response.get('id') or 'msg'}_{place}", "in_progress", [])
            out += self._event("response.output_item.added", output_index=place, item=self._items[place])
        if self._part is None:
            part = self._part = text_part("")
            self._parts(self._place).append(part)
            out += self._event("response.content_part.added", **self._at(), part=part)
        self._part["text"] = (self._part.get("text") or "") + text
        return out + self._event("response.output_text.delta", **self._at(), delta=text, logprobs=[])

    def end(self, usage: Usage) -> bytes:
        """See :class:`Seam`."""
        status, incomplete = ending(self.reason)
        out = self._close_part()
        if self._place is not None:
            item = self._items[self._place] = {**self._items[self._place], "status": status}
            out += self._event("response.output_item.done", output_index=self._place, item=item)
        told = {
            **self._response,
            "status": status,
            "incomplete_details": {"reason": incomplete} if incomplete else None,
            "model": self.model or self._response.get("model"),
            "output": [self._items[place] for place in sorted(self._items)],
            "usage": responses_usage(usage),
        }
        return out + self._event(f"response.{status}", response=told)

    def _close_part(self) -> bytes:
        part, self._part = self._part, None
        if part is None or self._place is None:
            return b""
        out = b""
        if not self._is_said:
            out = self._event("response.output_text.done", **self._at(), text=part.get("text") or "", logprobs=[])
        self._is_said = False
        return out + self._event("response.content_part.done", **self._at(), part=part)

    def _at(self) -> dict[str, Any]:
        place = self._place if self._place is not None else 0
        item = self._items[place]
        return {"item_id": item.get("id"), "output_index": place, "content_index": len(item["content"]) - 1}

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._number += 1
        told = msgspec.json.encode({"type": kind, "sequence_number": self._number, **fields})
        return b"event: " + kind.encode() + b"\ndata: " + told + b"\n\n"
