"""A whole answer of OpenAI's chat, told as one of its responses, and back."""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.exchange import Usage
from . import chat_wire, responses_wire
from .across_answers import chat_usage
from .openai_responses import UNKEPT, OpenAIResponses

# The reasons under which a response is incomplete. One we don't know is passed on as it is.
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_COMPLETE = frozenset({"stop", "tool_calls", "function_call", ""})
_FINISH = {"max_output_tokens": "length", "content_filter": "content_filter"}


def to_response(body: bytes, model: str) -> bytes:
    """A chat's answer as a response."""
    answer = chat_wire.decode_answer(body)
    choice = (answer.choices or [chat_wire.WireChoice()])[0]
    message = choice.message or chat_wire.WireMessage()
    status, details = ending(choice.finish_reason)
    name = answer.id or "answer"
    parts = [text_part(message.text())] if message.text() else []
    parts += [refusal_part(message.refusal)] if message.refusal else []
    output = [message_item(f"msg_{name}", status, parts)] if parts else []
    for place, call in enumerate(message.tool_calls or ()):
        function = call.function or chat_wire.WireFunction()
        output.append(call_item(call.id or f"call_{place}", function.name, function.arguments or "{}", status))
    usage = answer.usage.read() if answer.usage else None
    return msgspec.json.encode(response(name, answer.model or model, status, output, usage, details))


def to_completion(body: bytes, model: str) -> bytes:
    """A response as a chat's answer."""
    answer, whole = responses_wire.decode_answer(body), OpenAIResponses().read_answer(body)
    items = answer.output or []
    text, refusal = ("".join(item.said(kind) for item in items) for kind in ("output_text", "refusal"))
    message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": refusal or None}
    if whole.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in whole.tool_calls
        ]
    reason = finish_reason(whole.reason, calls=bool(whole.tool_calls))
    completion: dict[str, Any] = {
        "id": answer.id or "chatcmpl",
        "object": "chat.completion",
        # As everywhere across dialects: this module knows no clock.
        "created": 0,
        "model": answer.model or model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
    }
    if whole.usage is not None:
        completion["usage"] = chat_usage(whole.usage)
    return msgspec.json.encode(completion)


def ending(reason: str | None) -> tuple[str, str | None]:
    """A response's status, and why it is incomplete if it is, for a chat's finish reason."""
    if (reason or "") in _COMPLETE:
        return "completed", None
    return "incomplete", _INCOMPLETE.get(reason or "", reason)


def finish_reason(reason: str | None, *, calls: bool) -> str | None:
    """A chat's finish reason for why a response ended."""
    if reason == "completed":
        return "tool_calls" if calls else "stop"
    return _FINISH.get(reason or "", reason)


def response(
    name: str,
    model: str,
    status: str,
    output: list[dict[str, Any]],
    usage: Usage | None = None,
    incomplete: str | None = None,
) -> dict[str, Any]:
    """A response object; its id says that no provider keeps it, so that nobody builds on it."""
    return {
        "id": f"{UNKEPT}{name}",
        "object": "response",
        "created_at": 0,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": incomplete} if incomplete else None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": False,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": None if usage is None else responses_usage(usage),
    }


def responses_usage(usage: Usage) -> dict[str, Any]:
    """Usage as a response tells it: cached input is counted within."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached_input, "cache_write_tokens": usage.written_input},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


def message_item(id_: str, status: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """An output item that holds the model's words."""
    return {"id": id_, "type": "message", "role": "assistant", "status": status, "content": parts}


def call_item(call_id: str, name: str | None, arguments: str, status: str) -> dict[str, Any]:
    """An output item that calls a function."""
    told = {"call_id": call_id, "name": name or "", "arguments": arguments}
    return {"id": f"fc_{call_id}", "type": "function_call", "status": status, **told}


def text_part(text: str) -> dict[str, Any]:
    """Words of the model's."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def refusal_part(refusal: str) -> dict[str, Any]:
    """Words with which the model declines."""
    return {"type": "refusal", "refusal": refusal}
