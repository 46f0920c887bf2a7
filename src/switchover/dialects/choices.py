"""What an answer says, choice by choice, in any dialect, whole or put together from its stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from . import chat_wire, messages_wire, responses_wire
from .shapes import ENDS_WITHOUT_CONTENT
from .sse import events

CHAT, MESSAGES = "openai_chat", "anthropic_messages"
NO_END = b"{}"


@dataclass(slots=True)
class Call:
    """A tool call; ``arguments`` is JSON text, or None for a tool that takes ``free`` text."""

    id: str = ""
    name: str = ""
    arguments: str | None = ""
    free: str = ""


@dataclass(slots=True)
class Choice:
    """One of the answers that were asked for. ``refused``: the model said no in words of its own."""

    text: str = ""
    calls: dict[int, Call] = field(default_factory=dict)
    reason: str | None = None
    refused: bool = False

    @property
    def is_done(self) -> bool:
        """Whether the model ended it as it meant to: neither cut by a limit nor refused."""
        return not self.refused and self.reason not in ENDS_WITHOUT_CONTENT


def choices(dialect: str, stream: bool, body: bytes) -> list[Choice]:
    """Every choice of an answer that a decoder has let through, or that was read as a whole one.

    Raises ``msgspec.DecodeError`` and Malformed for what is none.
    """
    if dialect == CHAT:
        return _chat_stream(body) if stream else _chat(body)
    if dialect == MESSAGES:
        return [_message_stream(body) if stream else _message(messages_wire.decode_answer(body))]
    return [_response(responses_wire.decode_answer(_response_in(body) if stream else body))]


def _chat(body: bytes) -> list[Choice]:
    return _gathered([chat_wire.decode_answer(body)])


def _chat_stream(body: bytes) -> list[Choice]:
    chunks = [chat_wire.decode_chunk(data) for _, data in events(body) if data[:6] != b"[DONE]"]
    return _gathered(chunks)


def _gathered(chunks: list[chat_wire.WireAnswer]) -> list[Choice]:
    found: dict[int, Choice] = {}
    for chunk in chunks:
        for given in chunk.choices or ():
            one = found.setdefault(given.index, Choice())
            one.reason = one.reason or given.finish_reason
            said = given.message or given.delta
            if said is not None:
                one.text += said.text()
                one.refused = one.refused or bool(said.refusal)
                for place, call in enumerate(said.tool_calls or ()):
                    _add(one.calls, place if call.index is None else call.index, call)
    return [found[index] for index in sorted(found)]


def _add(calls: dict[int, Call], index: int, piece: chat_wire.WireToolCall) -> None:
    call = calls.setdefault(index, Call())
    call.id = call.id or piece.id or ""
    if piece.function is None:
        call.arguments = None if not call.arguments else call.arguments
        return
    call.name = call.name or piece.function.name or ""
    call.arguments = (call.arguments or "") + (piece.function.arguments or "")


def _message(answer: messages_wire.WireAnswer) -> Choice:
    one = Choice(reason=answer.stop_reason)
    for index, block in enumerate(answer.content or ()):
        _open(one, index, block)
    return one


def _message_stream(body: bytes) -> Choice:
    one = Choice()
    for _, data in events(body):
        event = messages_wire.decode_event(data)
        index, delta = event.index or 0, event.delta
        if event.type == "content_block_start" and event.content_block is not None:
            _open(one, index, event.content_block)
        elif event.type == "content_block_delta" and delta is not None:
            one.text += delta.text or ""
            if index in one.calls:
                call = one.calls[index]
                call.arguments = (call.arguments or "") + (delta.partial_json or "")
        elif event.type == "message_delta" and delta is not None:
            one.reason = delta.stop_reason or one.reason
    return one


def _open(one: Choice, index: int, block: messages_wire.WireBlock) -> None:
    if block.type == "text":
        one.text += block.text or ""
    elif block.type == "tool_use":
        given: Any = block.input or None
        arguments = "" if given is None else msgspec.json.encode(given).decode()
        one.calls[index] = Call(block.id or "", block.name or "", arguments)


def choices_so_far(dialect: str, body: bytes) -> list[Choice]:
    """Every choice of a stream, whether or not it came to its end. Raises ``msgspec.DecodeError``."""
    if dialect in (CHAT, MESSAGES) or _response_in(body) != NO_END:
        return choices(dialect, True, body)
    return [_response(_response_so_far(body))]


def _response_in(body: bytes) -> bytes:
    """The whole answer that the last event of a stream holds."""
    last = [data for name, data in events(body) if name in (b"response.completed", b"response.incomplete")][-1:]
    return bytes(msgspec.json.decode(last[0], type=dict[str, msgspec.Raw])["response"]) if last else NO_END


def _response_so_far(body: bytes) -> responses_wire.WireResponse:
    """What a stream without its last event told of its items."""
    items: dict[int, responses_wire.WireItem] = {}
    for _, data in events(body):
        event = responses_wire.decode_event(data)
        place = event.output_index
        if place is None:
            continue
        if event.type in ("response.output_item.added", "response.output_item.done") and event.item is not None:
            items[place] = event.item
        elif place in items and event.type == "response.function_call_arguments.delta":
            items[place].arguments = f"{items[place].arguments or ''}{event.piece()}"
        elif place in items and event.type == "response.custom_tool_call_input.delta":
            items[place].input = f"{items[place].input or ''}{event.piece()}"
    return responses_wire.WireResponse(output=[items[place] for place in sorted(items)])


def _response(answer: responses_wire.WireResponse) -> Choice:
    one = Choice(reason=answer.reason)
    for place, item in enumerate(answer.output or ()):
        one.text += item.said("output_text")
        one.refused = one.refused or bool(item.said("refusal"))
        if item.type == "function_call":
            one.calls[place] = Call(item.call_id or "", item.name or "", str(item.arguments or ""))
        elif item.type == "custom_tool_call":
            given = item.input if isinstance(item.input, str) else ""
            one.calls[place] = Call(item.call_id or "", item.name or "", None, given)
    return one
