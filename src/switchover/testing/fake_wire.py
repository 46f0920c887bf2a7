"""The fake vendor's wire formats: requests read, and answers written, as OpenAI and Anthropic write them.

Those of OpenAI's responses are in ``fake_responses.py``.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from .fake_responses import as_chat, response_frames, response_whole

CHAT, RESPONSES, MESSAGES = "openai_chat", "openai_responses", "anthropic_messages"
PATHS = {"/v1/chat/completions": CHAT, "/v1/responses": RESPONSES, "/v1/messages": MESSAGES}
# About as many characters as a token of English has.
TOKEN = 4

_encode = msgspec.json.encode
_numbers = itertools.count(1)


class Rejected(Exception):
    """The request is not what the dialect asks for; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request as far as the vendor cares. ``tool`` is the tool it will call, with its JSON schema."""

    dialect: str
    model: str
    stream: bool
    text: str
    prompt_tokens: int
    limit: int | None
    include_usage: bool
    tool: tuple[str, Mapping[str, Any]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The answer before it is put into a format: text in pieces, or a tool call's arguments in pieces."""

    id: str
    made_at: int
    pieces: tuple[str, ...]
    cut_by_limit: bool
    tool: str | None

    @property
    def text(self) -> str:
        """All pieces."""
        return "".join(self.pieces)


def read_request(dialect: str, body: bytes) -> Ask:
    """Raises Rejected, with the provider's kind of message."""
    try:
        request = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Rejected("We could not parse the JSON body of your request.") from None
    if dialect == RESPONSES:
        request = as_chat(request)
    model, messages = request.get("model"), request.get("messages")
    if not isinstance(model, str) or not model:
        raise Rejected("you must provide a model parameter")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise Rejected("messages: at least one message is required")
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    if dialect == MESSAGES and not isinstance(limit, int):
        raise Rejected("max_tokens: Field required")
    text = next((_text(m) for m in reversed(messages) if m.get("role") == "user" and _text(m)), "")
    return Ask(
        dialect=dialect,
        model=model,
        stream=request.get("stream") is True,
        text=text,
        prompt_tokens=max(1, sum(len(_text(m)) for m in messages) + len(_text(request, "system"))) // TOKEN + 1,
        limit=limit if isinstance(limit, int) else None,
        include_usage=bool((request.get("stream_options") or {}).get("include_usage")),
        tool=_tool(request, messages[-1], text),
    )


def say(ask: Ask, answer: str, now: float) -> Said:
    """The answer to an ask: its text, or a call of the tool that the ask wants, filled in from the answer."""
    number = next(_numbers)
    if ask.tool is not None:
        answer = json.dumps(_arguments(ask.tool[1], answer), ensure_ascii=False)
    pieces = tuple(answer[at : at + TOKEN] for at in range(0, len(answer), TOKEN))
    cut = ask.limit is not None and len(pieces) > ask.limit
    prefix = {CHAT: "chatcmpl-fake", RESPONSES: "resp_fake", MESSAGES: "msg_fake"}[ask.dialect]
    return Said(
        id=f"{prefix}{number:012d}",
        made_at=int(now),
        pieces=pieces[: ask.limit] if cut else pieces,
        cut_by_limit=cut,
        tool=ask.tool[0] if ask.tool else None,
    )


def whole(ask: Ask, said: Said) -> bytes:
    """The body of an answer that is not streamed."""
    if ask.dialect == RESPONSES:
        return _encode(response_whole(ask, said))
    return _encode(_chat_whole(ask, said) if ask.dialect == CHAT else _messages_whole(ask, said))


def frames(ask: Ask, said: Said) -> Iterator[bytes]:
    """The event stream of a streamed answer, frame by frame."""
    if ask.dialect == RESPONSES:
        return response_frames(ask, said)
    return _chat_frames(ask, said) if ask.dialect == CHAT else _messages_frames(ask, said)


def models_page(names: tuple[str, ...], anthropic: bool, retires: Mapping[str, str] | None = None) -> bytes:
    """The body of ``GET /v1/models``, in the form of whoever asks; ``retires`` gives a model's ``shutdown_date``."""
    if anthropic:
        made = "2026-01-01T00:00:00Z"
        rows = [{"type": "model", "id": n, "display_name": n, "created_at": made} for n in names]
        return _encode({"data": rows, "has_more": False, "first_id": names[0], "last_id": names[-1]})
    listed: list[dict[str, Any]] = [
        {"id": n, "object": "model", "created": 1_767_225_600, "owned_by": "simulated"} for n in names
    ]
    for row in listed:
        if (gone := (retires or {}).get(row["id"])) is not None:
            row["shutdown_date"] = gone
    return _encode({"object": "list", "data": listed})


def _text(message: Mapping[str, Any], field: str = "content") -> str:
    content = message.get(field)
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (p.get("text") for p in content if isinstance(p, dict) and p.get("type") == "text")
    return "".join(part for part in parts if isinstance(part, str))


def _tool(request: Mapping[str, Any], last: Mapping[str, Any], text: str) -> tuple[str, Mapping[str, Any]] | None:
    """The tool to call: the one that is forced, or the first whose name the last user text says.

    After a tool's result the vendor answers in text, unless a tool is forced.
    """
    offered: dict[str, Mapping[str, Any]] = {}
    for tool in request.get("tools") or ():
        shape = tool.get("function") or tool
        schema = shape.get("parameters") or shape.get("input_schema") or {}
        if isinstance(shape.get("name"), str):
            offered[shape["name"]] = schema
    choice = request.get("tool_choice")
    kind = choice.get("type") if isinstance(choice, dict) else choice
    if not offered or kind == "none":
        return None
    if kind in ("function", "tool") and isinstance(choice, dict):
        name = (choice.get("function") or choice).get("name")
        if name not in offered:
            raise Rejected(f"tool_choice: there is no tool named {name!r}")
        return name, offered[name]
    if kind in ("required", "any"):
        return next(iter(offered.items()))
    if last.get("role") != "user" or not _text(last):
        return None
    return next(((name, schema) for name, schema in offered.items() if name in text), None)


def _arguments(schema: Mapping[str, Any], answer: str) -> dict[str, object]:
    """Arguments that fit the schema: fields of a JSON answer by name, else the answer where a string is wanted."""
    known = json.loads(answer) if answer.startswith("{") else {}
    plain = {"integer": 1, "number": 1.5, "boolean": True, "array": [], "object": {}, "null": None}
    filled: dict[str, object] = {}
    for name, wanted in (schema.get("properties") or {}).items():
        allowed = wanted.get("enum")
        if name in known:
            filled[name] = known[name]
        elif allowed:
            filled[name] = answer if answer in allowed else allowed[0]
        else:
            kind = wanted.get("type", "string")
            filled[name] = plain.get(kind[0] if isinstance(kind, list) else kind, answer)
    return filled


def _chat_usage(ask: Ask, said: Said) -> dict[str, object]:
    out = max(1, len(said.pieces))
    return {
        "prompt_tokens": ask.prompt_tokens,
        "completion_tokens": out,
        "total_tokens": ask.prompt_tokens + out,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _chat_reason(said: Said) -> str:
    return "length" if said.cut_by_limit else "tool_calls" if said.tool else "stop"


def _chat_whole(ask: Ask, said: Said) -> dict[str, object]:
    message: dict[str, object] = {"role": "assistant", "content": said.text, "refusal": None, "annotations": []}
    if said.tool:
        function = {"name": said.tool, "arguments": said.text}
        message |= {"content": None, "tool_calls": [{"id": _call_id(said), "type": "function", "function": function}]}
    return {
        "id": said.id,
        "object": "chat.completion",
        "created": said.made_at,
        "model": ask.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": _chat_reason(said)}],
        "usage": _chat_usage(ask, said),
        "service_tier": "default",
        "system_fingerprint": "fp_simulated",
    }


def _chat_frames(ask: Ask, said: Said) -> Iterator[bytes]:
    head = {"id": said.id, "object": "chat.completion.chunk", "created": said.made_at, "model": ask.model}
    head |= {"service_tier": "default", "system_fingerprint": "fp_simulated"}

    def frame(delta: Mapping[str, object] | None, reason: str | None = None, usage: object = None) -> bytes:
        one = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        chunk = {**head, "choices": [] if delta is None else [one]}
        if ask.include_usage:
            chunk["usage"] = usage
        return b"data: %b\n\n" % _encode(chunk)

    yield frame({"role": "assistant", "content": None if said.tool else "", "refusal": None})
    if said.tool:
        opened = {"index": 0, "id": _call_id(said), "type": "function"}
        yield frame({"tool_calls": [{**opened, "function": {"name": said.tool, "arguments": ""}}]})
    for piece in said.pieces:
        if said.tool:
            yield frame({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
        else:
            yield frame({"content": piece})
    yield frame({}, _chat_reason(said))
    if ask.include_usage:
        yield frame(None, usage=_chat_usage(ask, said))
    yield b"data: [DONE]\n\n"


def _call_id(said: Said) -> str:
    return ("toolu_" if said.id.startswith("msg_") else "call_") + said.id[-12:]


def _messages_usage(ask: Ask, out: int) -> dict[str, object]:
    cache = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    return {"input_tokens": ask.prompt_tokens, **cache, "output_tokens": out, "service_tier": "standard"}


def _messages_reason(said: Said) -> str:
    return "max_tokens" if said.cut_by_limit else "tool_use" if said.tool else "end_turn"


def _messages_whole(ask: Ask, said: Said) -> dict[str, object]:
    block: dict[str, object] = {"type": "text", "text": said.text}
    if said.tool:
        filled = {} if said.cut_by_limit else json.loads(said.text)
        block = {"type": "tool_use", "id": _call_id(said), "name": said.tool, "input": filled}
    return {
        "id": said.id,
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": [block],
        "stop_reason": _messages_reason(said),
        "stop_sequence": None,
        "usage": _messages_usage(ask, max(1, len(said.pieces))),
    }


def _messages_frames(ask: Ask, said: Said) -> Iterator[bytes]:
    def frame(kind: str, **fields: object) -> bytes:
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), _encode({"type": kind, **fields}))

    message = _messages_whole(ask, said) | {"content": [], "stop_reason": None, "usage": _messages_usage(ask, 1)}
    block: dict[str, object] = {"type": "text", "text": ""}
    if said.tool:
        block = {"type": "tool_use", "id": _call_id(said), "name": said.tool, "input": {}}
    yield frame("message_start", message=message)
    yield frame("content_block_start", index=0, content_block=block)
    yield frame("ping")
    for piece in said.pieces:
        if said.tool:
            delta = {"type": "input_json_delta", "partial_json": piece}
        else:
            delta = {"type": "text_delta", "text": piece}
        yield frame("content_block_delta", index=0, delta=delta)
    yield frame("content_block_stop", index=0)
    ended = {"stop_reason": _messages_reason(said), "stop_sequence": None}
    yield frame("message_delta", delta=ended, usage={"output_tokens": max(1, len(said.pieces))})
    yield frame("message_stop")
