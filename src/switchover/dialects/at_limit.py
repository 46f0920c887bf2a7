"""How a stream ends that is stopped at its limit: the events that its model would have ended it with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ..domain.exchange import Usage
from . import chat_wire
from .across_answers import chat_usage
from .across_responses_answers import refusal_part, responses_usage, text_part
from .sse import events

_HEAD = ("id", "object", "created", "model", "system_fingerprint", "service_tier")


def end_at_limit(dialect: str, relayed: bytes, usage: Usage, *, include_usage: bool = False) -> bytes:
    """The events that end a stream of which the whole frames ``relayed`` were sent, as one cut by its limit.

    What is open is closed as it is. ``include_usage``: whether a chat's caller asked for the usage chunk.
    """
    told = (msgspec.json.decode(data) for _, data in events(relayed) if data[:6] != b"[DONE]")
    if dialect == "openai_chat":
        return _chat(list(told), usage if include_usage else None)
    if dialect == "anthropic_messages":
        return _message(list(told), usage)
    return _Response(told).end(usage)


def _chat(chunks: list[dict[str, Any]], usage: Usage | None) -> bytes:
    head: dict[str, Any] = {}
    open_choices: dict[int, bool] = {}
    for chunk in chunks:
        head = head or {name: chunk[name] for name in _HEAD if name in chunk}
        for choice in chunk.get("choices") or ():
            index = choice.get("index", 0)
            open_choices[index] = open_choices.get(index, True) and choice.get("finish_reason") is None
    ends = [index for index in sorted(open_choices) if open_choices[index]]
    out = [_frame({**head, "choices": [{"index": one, "delta": {}, "finish_reason": "length"}]}) for one in ends]
    if usage is not None:
        out.append(_frame({**head, "choices": [], "usage": chat_usage(usage)}))
    return b"".join(out) + chat_wire.DONE


def _message(told: list[dict[str, Any]], usage: Usage) -> bytes:
    opened = [event["index"] for event in told if event["type"] == "content_block_start"]
    closed = {event["index"] for event in told if event["type"] == "content_block_stop"}
    out = [_event({"type": "content_block_stop", "index": index}) for index in opened if index not in closed]
    delta = {"stop_reason": "max_tokens", "stop_sequence": None}
    out.append(_event({"type": "message_delta", "delta": delta, "usage": {"output_tokens": usage.output}}))
    return b"".join(out) + _event({"type": "message_stop"})


class _Response:
    """A response as far as it was told: the items that are whole, and the one or those still open."""

    def __init__(self, told: Iterator[dict[str, Any]]) -> None:
        self._begun: dict[str, Any] = {}
        self._number = -1
        self._whole: dict[int, dict[str, Any]] = {}
        self._open: dict[int, dict[str, Any]] = {}
        self._parts: dict[int, dict[int, dict[str, Any]]] = {}
        self._parts_open: set[tuple[int, int]] = set()
        for event in told:
            self._number = event.get("sequence_number", self._number)
            self._take(event, event.get("output_index", 0), event.get("content_index", 0))

    def end(self, usage: Usage) -> bytes:
        """The events that close what is open, then the terminal one."""
        out = b"".join([frame for place in sorted(self._open) for frame in self._close(place)])
        output = [self._whole[place] for place in sorted(self._whole)]
        more = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": output}
        ended = {**self._begun, **more, "usage": responses_usage(usage)}
        return out + self._event("response.incomplete", response=ended)

    def _take(self, event: dict[str, Any], place: int, part: int) -> None:
        match event["type"]:
            case "response.created":
                self._begun = event["response"]
            case "response.output_item.added":
                self._open[place] = dict(event["item"])
            case "response.output_item.done":
                self._open.pop(place, None)
                self._whole[place] = event["item"]
            case "response.content_part.added":
                self._parts.setdefault(place, {})[part] = dict(event["part"])
                self._parts_open.add((place, part))
            case "response.content_part.done":
                self._parts.setdefault(place, {})[part] = event["part"]
                self._parts_open.discard((place, part))
            case "response.output_text.delta":
                self._say(place, part, "text", text_part(""), event["delta"])
            case "response.refusal.delta":
                self._say(place, part, "refusal", refusal_part(""), event["delta"])
            case "response.function_call_arguments.delta" if place in self._open:
                self._open[place]["arguments"] = self._open[place].get("arguments", "") + event["delta"]
            case "response.custom_tool_call_input.delta" if place in self._open:
                self._open[place]["input"] = self._open[place].get("input", "") + event["delta"]

    def _say(self, place: int, part: int, field: str, empty: dict[str, Any], piece: str) -> None:
        parts = self._parts.setdefault(place, {})
        if part not in parts:
            parts[part] = empty
            self._parts_open.add((place, part))
        parts[part][field] = parts[part].get(field, "") + piece

    def _close(self, place: int) -> Iterator[bytes]:
        item = self._open[place]
        at = {"item_id": item.get("id"), "output_index": place}
        for index, part in sorted(self._parts.get(place, {}).items()):
            if (place, index) in self._parts_open:
                field = "refusal" if part.get("type") == "refusal" else "text"
                kind = "response.refusal.done" if field == "refusal" else "response.output_text.done"
                logprobs = {} if field == "refusal" else {"logprobs": part.get("logprobs") or []}
                yield self._event(kind, **at, content_index=index, **{field: part.get(field, "")}, **logprobs)
                yield self._event("response.content_part.done", **at, content_index=index, part=part)
        if item.get("type") == "message":
            item["content"] = [part for _, part in sorted(self._parts.get(place, {}).items())]
        elif item.get("type") == "function_call":
            arguments = item.get("arguments", "")
            yield self._event("response.function_call_arguments.done", **at, arguments=arguments)
        self._whole[place] = {**item, "status": "incomplete"}
        yield self._event("response.output_item.done", output_index=place, item=self._whole[place])

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._number += 1
        return _event({"type": kind, "sequence_number": self._number, **fields})


def _frame(value: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def _event(value: dict[str, Any]) -> bytes:
    return b"event: " + str(value["type"]).encode() + b"\n" + _frame(value)
