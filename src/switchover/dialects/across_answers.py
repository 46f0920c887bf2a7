"""A whole answer of OpenAI's chat, told as one of Anthropic's messages, and back."""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.exchange import Usage
from ..errors import Malformed
from . import chat_wire, messages_wire
from .anthropic_messages import AnthropicMessages
from .openai_chat import OpenAIChat
from .shapes import ToolCall, Whole

# A reason we don't know is passed on as it is: `finish-unknown` of the fault catalogue.
TO_STOP_REASON = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
TO_FINISH_REASON = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    # The turn is not over: an application must not take it for whole.
    "pause_turn": "length",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def to_message(body: bytes, model: str) -> bytes:
    """A chat's answer as a message; ``model`` is named where the answer names none.

    Raises :class:`Malformed` when ``body`` is no answer, or has a tool call whose arguments are not a JSON object.
    """
    whole, answer = OpenAIChat().read_answer(body), chat_wire.decode_answer(body)
    said = (answer.choices or [chat_wire.WireChoice()])[0].message
    return _to_message(whole, answer.id, model, refused=said is not None and bool(said.refusal))


def to_completion(body: bytes, model: str) -> bytes:
    """A message as a chat's answer. Reasoning is left out: it is signed by its provider."""
    whole = AnthropicMessages().read_answer(body)
    return _to_completion(whole, messages_wire.decode_answer(body).id, model)


def stop_reason(reason: str | None, *, refused: bool) -> str | None:
    """Anthropic's reason for a chat's. A model that declines in so many words ends as if it were done."""
    return "refusal" if refused and reason == "stop" else TO_STOP_REASON.get(reason or "", reason)


def _to_message(whole: Whole, id_: str | None, model: str, *, refused: bool) -> bytes:
    content: list[dict[str, Any]] = [{"type": "text", "text": whole.text}] if whole.text else []
    for call in whole.tool_calls:
        content.append({"type": "tool_use", "id": call.id, "name": call.name, "input": _input(call)})
    message = {
        "id": id_ or "msg",
        "type": "message",
        "role": "assistant",
        "model": whole.model or model,
        "content": content,
        "stop_reason": stop_reason(whole.reason, refused=refused),
        "stop_sequence": None,
        "usage": messages_usage(whole.usage),
    }
    return msgspec.json.encode(message)


def _to_completion(whole: Whole, id_: str | None, model: str) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": whole.text, "refusal": None}
    if whole.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in whole.tool_calls
        ]
    reason = TO_FINISH_REASON.get(whole.reason or "", whole.reason)
    completion = {
        "id": id_ or "chatcmpl",
        "object": "chat.completion",
        # Anthropic doesn't say when; this module knows no clock.
        "created": 0,
        "model": whole.model or model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
    }
    if whole.usage is not None:
        completion["usage"] = chat_usage(whole.usage)
    return msgspec.json.encode(completion)


def _input(call: ToolCall) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(call.arguments or "{}")
    except (msgspec.DecodeError, RecursionError) as error:
        raise Malformed("A tool call's arguments are not JSON.", fault="tool-arguments-broken") from error
    if not isinstance(value, dict):
        raise Malformed("A tool call's arguments are not a JSON object.", fault="tool-arguments-broken")
    return value


def messages_usage(usage: Usage | None) -> dict[str, Any]:
    """Usage as Anthropic tells it: cached input is counted apart. Unknown is zero, as the field is required."""
    usage = usage or Usage()
    told: dict[str, Any] = {
        "input_tokens": usage.input - usage.cached_input - usage.written_input,
        "output_tokens": usage.output,
        "cache_read_input_tokens": usage.cached_input,
        "cache_creation_input_tokens": usage.written_input,
    }
    if usage.reasoning:
        told["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return told


def chat_usage(usage: Usage) -> dict[str, Any]:
    """Usage as OpenAI tells it: cached input is counted within."""
    read: dict[str, Any] = {"cached_tokens": usage.cached_input}
    if usage.written_input:
        read["cache_write_tokens"] = usage.written_input
    told: dict[str, Any] = {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": read,
    }
    if usage.reasoning:
        told["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return told
