"""A recorded stream of events, with the texts that it brings in pieces. Pure.

A number may come in two deltas. So the pieces of one text are read together; where that changes it, the first of them
holds all of it and the others are empty. The events stay as many as they were, and valid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from switchover.dialects.sse import FrameScanner, parse_frame
from switchover.errors import Unreadable

DONE = b"[DONE]"
_NAME = re.compile(rb"[\w.]{1,64}")
_CHAT_TEXTS = ("content", "refusal", "reasoning_content", "reasoning")
_MESSAGES_TEXTS = ("text", "partial_json", "thinking")

Key = tuple[object, ...]
Piece = tuple[Key, dict[str, Any], str]


class Streamed:
    """The events of a stream; the pieces of its texts are taken out of them until :meth:`join`.

    Raises Unreadable when none of it is an event. A frame that is no JSON and a comment are left out.
    """

    def __init__(self, dialect: str, body: bytes) -> None:
        self.events: list[Any] = []
        self._names: list[bytes] = []
        self._ends = False
        self._pieces: dict[Key, list[tuple[dict[str, Any], str, str]]] = {}
        for frame in FrameScanner(len(body) + 1).feed(body):
            name, data = parse_frame(frame)
            if data == DONE:
                self._ends = True
            elif data is not None and (event := _event(data)) is not None:
                self.events.append(event)
                self._names.append(name if _NAME.fullmatch(name) else b"")
        if not self.events:
            raise Unreadable("the stream has no event that can be read")
        for event in self.events:
            for key, holder, field in _IN[dialect](event):
                self._pieces.setdefault(key, []).append((holder, field, holder[field]))
                holder[field] = ""

    def join(self, change: Callable[[str], Any]) -> None:
        """Puts the pieces back, each text as ``change`` has it."""
        for pieces in self._pieces.values():
            whole = "".join(said for _, _, said in pieces)
            changed = change(whole)
            for place, (holder, field, said) in enumerate(pieces):
                holder[field] = said if changed == whole else "" if place else changed

    def encode(self) -> bytes:
        """The stream again."""
        parts = []
        for name, event in zip(self._names, self.events, strict=True):
            parts += [b"event: " + name + b"\n"] if name else []
            parts += [b"data: ", msgspec.json.encode(event), b"\n\n"]
        return b"".join([*parts, b"data: " + DONE + b"\n\n" if self._ends else b""])


def _event(data: bytes) -> Any:
    try:
        event = msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    return event if isinstance(event, dict) else None


def _texts(key: Key, holder: Any, fields: tuple[str, ...]) -> Iterator[Piece]:
    if isinstance(holder, dict):
        for field in fields:
            if isinstance(holder.get(field), str):
                yield (*key, field), holder, field


def _listed(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _in_chat(event: dict[str, Any]) -> Iterator[Piece]:
    for choice in _listed(event.get("choices")):
        delta, at = choice.get("delta"), choice.get("index")
        if not isinstance(delta, dict):
            continue
        yield from _texts((at,), delta, _CHAT_TEXTS)
        yield from _texts((at, "audio"), delta.get("audio"), ("transcript",))
        yield from _texts((at, "call"), delta.get("function_call"), ("arguments",))
        for call in _listed(delta.get("tool_calls")):
            yield from _texts((at, "tool", call.get("index")), call.get("function"), ("arguments",))


def _in_messages(event: dict[str, Any]) -> Iterator[Piece]:
    at = event.get("index")
    yield from _texts((at,), event.get("content_block"), ("text", "thinking"))
    yield from _texts((at,), event.get("delta"), _MESSAGES_TEXTS)


def _in_responses(event: dict[str, Any]) -> Iterator[Piece]:
    kind = event.get("type")
    if isinstance(kind, str) and kind.endswith(".delta"):
        places = tuple(event.get(name) for name in ("output_index", "content_index", "summary_index"))
        yield from _texts((kind, *places), event, ("delta",))


_IN: dict[str, Callable[[dict[str, Any]], Iterator[Piece]]] = {
    "openai_chat": _in_chat,
    "anthropic_messages": _in_messages,
    "openai_responses": _in_responses,
}
