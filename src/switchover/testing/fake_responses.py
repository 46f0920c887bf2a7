"""The fake vendor's answers in the format of OpenAI's responses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from .fake_wire import Ask, Said


def as_chat(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request's parts under the names the chat gives them, as far as the vendor reads them."""
    given = request.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    messages = [_as_message(item) for item in items] if isinstance(items, list) else None
    if messages and isinstance(request.get("instructions"), str):
        messages.insert(0, {"role": "system", "content": request["instructions"]})
    return {**request, "messages": messages, "max_tokens": request.get("max_output_tokens")}


def _as_message(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    if item.get("type") == "function_call_output":
        return {"role": "tool", "content": item.get("output")}
    content = item.get("content")
    if isinstance(content, list):
        content = [{"type": "text", "text": part.get("text")} for part in content if isinstance(part, dict)]
    return {"role": item.get("role", "assistant"), "content": content}


def response_whole(ask: Ask, said: Said) -> dict[str, object]:
    """An answer that is not streamed."""
    status = "incomplete" if said.cut_by_limit else "completed"
    return _response(ask, said, status, [_item(said, status)])


def response_frames(ask: Ask, said: Said) -> Iterator[bytes]:
    """The event stream of a streamed answer, frame by frame."""
    number = -1

    def frame(kind: str, **fields: object) -> bytes:
        nonlocal number
        number += 1
        told = {"type": kind, "sequence_number": number, **fields}
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(told))

    status = "incomplete" if said.cut_by_limit else "completed"
    begun, done = _item(said, "in_progress"), _item(said, status)
    at: dict[str, object] = {"item_id": done["id"], "output_index": 0}
    for kind in ("response.created", "response.in_progress"):
        yield frame(kind, response=_response(ask, said, "in_progress", []))
    yield frame("response.output_item.added", output_index=0, item=begun)
    if said.tool:
        for piece in said.pieces:
            yield frame("response.function_call_arguments.delta", **at, delta=piece)
        yield frame("response.function_call_arguments.done", **at, arguments=said.text)
    else:
        at["content_index"] = 0
        yield frame("response.content_part.added", **at, part=_part(""))
        for piece in said.pieces:
            yield frame("response.output_text.delta", **at, delta=piece, logprobs=[])
        yield frame("response.output_text.done", **at, text=said.text, logprobs=[])
        yield frame("response.content_part.done", **at, part=_part(said.text))
    yield frame("response.output_item.done", output_index=0, item=done)
    yield frame(f"response.{status}", response=_response(ask, said, status, [done]))


def _part(text: str) -> dict[str, object]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _item(said: Said, status: str) -> dict[str, object]:
    """The one item of the output; while in progress it holds nothing yet."""
    begun = status == "in_progress"
    number = said.id[-12:]
    if said.tool:
        told = {"call_id": f"call_{number}", "name": said.tool, "arguments": "" if begun else said.text}
        return {"id": f"fc_{number}", "type": "function_call", "status": status, **told}
    content = [] if begun else [_part(said.text)]
    return {"id": f"msg_{number}", "type": "message", "status": status, "role": "assistant", "content": content}


def _response(ask: Ask, said: Said, status: str, output: list[dict[str, object]]) -> dict[str, object]:
    out = max(1, len(said.pieces))
    usage = {
        "input_tokens": ask.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": out,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": ask.prompt_tokens + out,
    }
    return {
        "id": said.id,
        "object": "response",
        "created_at": said.made_at,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": None,
        "max_output_tokens": ask.limit,
        "metadata": {},
        "model": ask.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None if status == "in_progress" else usage,
    }
