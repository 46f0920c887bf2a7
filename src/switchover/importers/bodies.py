"""Requests and answers in whatever form they were kept, as the bodies of one dialect. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from switchover.dialects.across import DEFAULT_MAX_TOKENS, translate_answer
from switchover.domain.exchange import Usage
from switchover.errors import Malformed

from .found import Unfit, text, unpacked

CHAT, RESPONSES, MESSAGES = "openai_chat", "openai_responses", "anthropic_messages"
# Where each was sent, as batches and logs tell it.
PATHS = {"/chat/completions": CHAT, "/responses": RESPONSES, "/v1/messages": MESSAGES}
# What clients hand over beside the request; a key or a login must not get into the record.
ASIDE = frozenset({
    "api_key", "api_base", "base_url", "api_version", "headers", "extra_headers", "default_headers", "authorization",
    "organization", "timeout", "stream", "stream_options", "proxy_server_request", "secret_fields", "model_list",
    "num_retries", "max_retries", "caching", "cache", "extra_body", "extra_query", "client", "http_client",
})  # fmt: skip
# Part of a message that only training reads.
TRAINING = "weight"

NO_ANSWER = "no answer recorded"
UNKNOWN = "unknown shape"
LONE_RESULT = "a tool result without its call"


def bodies(request: Any, answer: Any, dialect: str | None) -> tuple[str, dict[str, Any], bytes]:
    """The dialect, the request's body and the answer's bytes. ``dialect``: where the source knows it.

    Raises :class:`Unfit` where one of them is of no form that is known.
    """
    asked = request_body(request)
    told, kept = answer_body(answer)
    dialect = dialect or _dialect(asked, told)
    if ("input" if dialect == RESPONSES else "messages") not in asked:
        raise Unfit(UNKNOWN)
    if dialect == MESSAGES:
        asked.setdefault("max_tokens", DEFAULT_MAX_TOKENS)
    _check_results(asked)
    try:
        encoded = msgspec.json.encode(kept)
        return dialect, asked, translate_answer(encoded, told, dialect, model=str(asked.get("model") or ""))
    except Malformed as cause:
        raise Unfit("an answer that is none of its dialect's") from cause


def request_body(request: Any) -> dict[str, Any]:
    """A request's body without what is no part of the request; a list is its messages, a text the user's message."""
    request = unpacked(request)
    if isinstance(request, list) and request and all(isinstance(one, dict) and "role" in one for one in request):
        request = {"messages": request}
    elif isinstance(request, str) and request.strip():
        request = {"messages": [{"role": "user", "content": request}]}
    if not isinstance(request, dict) or not ("messages" in request or "input" in request):
        raise Unfit(UNKNOWN if request else "no request recorded")
    kept = {name: value for name, value in request.items() if name not in ASIDE and not name.startswith("litellm")}
    messages = kept.get("messages")
    if isinstance(messages, list):
        if not messages:
            raise Unfit("no request recorded")
        kept["messages"] = [_plain(message) for message in messages]
    return kept


def _plain(message: Any) -> Any:
    return {k: v for k, v in message.items() if k != TRAINING} if isinstance(message, dict) else message


def answer_body(answer: Any) -> tuple[str, dict[str, Any]]:
    """An answer's dialect and body: a whole body of any dialect, one message, or its text."""
    answer = unpacked(answer)
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, list) and answer and all(isinstance(one, dict) and one.get("type") for one in answer):
        answer = {"type": "message", "role": "assistant", "content": answer}
    if isinstance(answer, str):
        if not answer.strip():
            raise Unfit(NO_ANSWER)
        if answer.lstrip().startswith(("data: {", "event: ")):
            raise Unfit("an answer kept as a stream's raw events")
        answer = {"role": "assistant", "content": answer}
    if not isinstance(answer, dict) or not answer:
        raise Unfit(NO_ANSWER if not answer else UNKNOWN)
    if answer.get("error"):
        raise Unfit("a failed call")
    if isinstance(answer.get("choices"), list):
        return CHAT, answer
    if isinstance(answer.get("output"), list) and answer.get("object", "response") == "response":
        return RESPONSES, answer
    if answer.get("type") == "message" and isinstance(answer.get("content"), list):
        return MESSAGES, answer
    if "content" in answer or "tool_calls" in answer:
        return CHAT, completion(answer)
    raise Unfit(UNKNOWN)


def completion(message: Mapping[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
    """A chat completion with one message. ``reason``: why it ended; ``more``: its id, model, usage …"""
    said = {name: value for name, value in message.items() if name not in (TRAINING, "finish_reason")}
    told = reason or text(message.get("finish_reason")) or ("tool_calls" if said.get("tool_calls") else "stop")
    choice = {"index": 0, "message": {**said, "role": "assistant"}, "finish_reason": told}
    return {"object": "chat.completion", "choices": [choice], **{name: v for name, v in more.items() if v is not None}}


def chat_usage(usage: Usage) -> dict[str, Any]:
    """Usage as a chat completion tells it."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input},
    }


def dialect_at(path: object) -> str | None:
    """The dialect that is spoken at a path; None where it is none of ours."""
    ending = str(path or "").partition("?")[0].rstrip("/")
    return next((dialect for known, dialect in PATHS.items() if ending.endswith(known)), None)


def _dialect(request: Mapping[str, Any], answered: str) -> str:
    if "messages" not in request:
        return RESPONSES
    if answered == MESSAGES or "system" in request:
        return MESSAGES
    return CHAT


def _check_results(request: Mapping[str, Any]) -> None:
    """Raises :class:`Unfit` for a tool's result whose call is nowhere before it: no model would take it."""
    if request.get("previous_response_id") or request.get("conversation"):
        return
    called: set[Any] = set()
    for call, result in _tools(request):
        if call is not None:
            called.add(call)
        elif result not in called:
            raise Unfit(LONE_RESULT)


def _tools(request: Mapping[str, Any]) -> Iterator[tuple[str | None, str | None]]:
    """Ids of tool calls and of results, in order: (call, None) or (None, result)."""
    items = request.get("messages") or request.get("input")
    for item in items if isinstance(items, list) else ():
        if not isinstance(item, dict):
            continue
        if item.get("role") == "tool":
            yield None, str(item.get("tool_call_id") or "")
        elif item.get("type") in ("function_call", "custom_tool_call"):
            yield str(item.get("call_id") or item.get("id") or ""), None
        elif item.get("type") in ("function_call_output", "custom_tool_call_output"):
            yield None, str(item.get("call_id") or "")
        for part in _parts(item, "tool_calls"):
            yield str(part.get("id") or ""), None
        for part in _parts(item, "content"):
            if part.get("type") == "tool_use":
                yield str(part.get("id") or ""), None
            elif part.get("type") == "tool_result":
                yield None, str(part.get("tool_use_id") or "")


def _parts(item: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    found = item.get(name)
    for part in found if isinstance(found, list) else ():
        if isinstance(part, dict):
            yield part
