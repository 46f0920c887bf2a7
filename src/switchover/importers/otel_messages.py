"""Messages as OpenTelemetry tells them, as a chat's messages. Pure.

Sources: open-telemetry/semantic-conventions, docs/gen-ai/gen-ai-input-messages.json and -output-messages.json (parts);
gen-ai-events.md of v1.28 to v1.36 (one event a message), of v1.27 (``gen_ai.content.prompt``); OpenLLMetry's
``gen_ai.prompt.0.content``, which came before them and is still widespread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from .found import Unfit, mapping, text, unpacked

ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
CHOICE, PROMPT, COMPLETION = "gen_ai.choice", "gen_ai.content.prompt", "gen_ai.content.completion"
EVENTS = frozenset({*ROLES, CHOICE, PROMPT, COMPLETION})
# Why an answer ended, where the conventions say it otherwise than a chat does.
REASONS = {"tool_call": "tool_calls", "end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"}
MOST_NUMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Told:
    """What was asked and answered, as a chat's messages; of several choices the first. ``tools`` as a chat has them."""

    asked: list[dict[str, Any]]
    answered: dict[str, Any] | None
    reason: str | None = None
    tools: list[dict[str, Any]] = field(default_factory=list)


def of_attributes(attributes: Mapping[str, Any]) -> Told | None:
    """From ``gen_ai.input.messages`` and its companions; None where there are none."""
    asked, answered = (unpacked(attributes.get(f"gen_ai.{way}.messages")) for way in ("input", "output"))
    if not isinstance(asked, list) and not isinstance(answered, list):
        return None
    instructions = unpacked(attributes.get("gen_ai.system_instructions"))
    messages: list[dict[str, Any]] = []
    if isinstance(instructions, list) and instructions:
        messages += _of_parts("system", instructions)
    for message in asked if isinstance(asked, list) else ():
        if isinstance(message, dict):
            messages += _of_parts(str(message.get("role") or "user"), _parts(message))
    first = next((one for one in answered if isinstance(one, dict)), {}) if isinstance(answered, list) else {}
    said = _of_parts("assistant", _parts(first)) if first else []
    tools = unpacked(attributes.get("gen_ai.tool.definitions"))
    return Told(
        messages,
        said[0] if said else None,
        text(first.get("finish_reason")),
        [_tool(tool) for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else [],
    )


def of_events(events: Sequence[tuple[str, Any, Mapping[str, Any]]]) -> Told | None:
    """From events, one a message: (name, body, attributes), in order; None where none of them is one."""
    asked: list[dict[str, Any]] = []
    answered, reason, met = None, None, False
    for name, body, attributes in events:
        if name not in EVENTS:
            continue
        met = True
        if name in (PROMPT, COMPLETION):
            told = unpacked(attributes.get("gen_ai.prompt" if name == PROMPT else "gen_ai.completion"))
            messages = [_flat(one, None) for one in told if isinstance(one, dict)] if isinstance(told, list) else []
            if name == PROMPT:
                asked += messages
            elif answered is None and messages:
                answered = messages[0]
            continue
        content = mapping(body) or mapping(attributes.get("gen_ai.event.content")) or attributes
        if name != CHOICE:
            asked.append(_flat(content, ROLES[name]))
        elif answered is None:
            message = mapping(content.get("message")) or content
            calls = message.get("tool_calls") or content.get("tool_calls")
            answered = _flat({**message, "tool_calls": calls}, "assistant")
            reason = text(content.get("finish_reason"))
    return Told(asked, answered, reason) if met else None


def of_numbered(attributes: Mapping[str, Any]) -> Told | None:
    """From ``gen_ai.prompt.0.role`` and its like; None where there are none."""
    asked = []
    for number in range(MOST_NUMBERED):
        head = f"gen_ai.prompt.{number}."
        if f"{head}role" not in attributes and f"{head}content" not in attributes:
            break
        asked.append(_numbered(attributes, head, "user"))
    head = "gen_ai.completion.0."
    answered = None
    if f"{head}content" in attributes or f"{head}tool_calls.0.name" in attributes:
        answered = _numbered(attributes, head, "assistant")
    if not asked and answered is None:
        return None
    return Told(asked, answered, text(attributes.get(f"{head}finish_reason")))


def _numbered(attributes: Mapping[str, Any], head: str, role: str) -> dict[str, Any]:
    calls = []
    for number in range(MOST_NUMBERED):
        name = attributes.get(f"{head}tool_calls.{number}.name")
        if name is None:
            break
        one = {"id": attributes.get(f"{head}tool_calls.{number}.id"), "name": name}
        calls.append({**one, "arguments": attributes.get(f"{head}tool_calls.{number}.arguments")})
    content = {
        "content": unpacked(attributes.get(f"{head}content")),
        "tool_call_id": attributes.get(f"{head}tool_call_id"),
        "tool_calls": calls,
    }
    return _flat(content, str(attributes.get(f"{head}role") or role))


def _flat(content: Mapping[str, Any], role: str | None) -> dict[str, Any]:
    """A message whose content and calls are told much as a chat tells them."""
    role = text(content.get("role")) or role or "user"
    said = content.get("content")
    if role in ("human", "ai"):
        role = {"human": "user", "ai": "assistant"}[role]
    if isinstance(said, list):
        return next(iter(_of_parts(role, said)), {"role": role, "content": None})
    message: dict[str, Any] = {"role": role, "content": said if said is None or isinstance(said, str) else _json(said)}
    if role == "tool":
        message["tool_call_id"] = str(content.get("tool_call_id") or content.get("id") or "")
    calls = unpacked(content.get("tool_calls"))
    if isinstance(calls, list) and calls:
        message["tool_calls"] = [_call(call) for call in calls if isinstance(call, dict)]
    return message


def _parts(message: Mapping[str, Any]) -> list[Any]:
    found = unpacked(message.get("parts"))
    if isinstance(found, list):
        return found
    said = message.get("content")
    return said if isinstance(said, list) else [{"type": "text", "content": said}] if said else []


def _of_parts(role: str, parts: Sequence[Any]) -> list[dict[str, Any]]:
    """A message's parts as messages: results of tools are one each. Raises Unfit for a part that no chat can say."""
    texts: list[str] = []
    shown: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for part in parts:
        if not isinstance(part, dict):
            continue
        kind = part.get("type")
        if kind == "text":
            texts.append(str(part.get("content", part.get("text")) or ""))
        elif kind == "tool_call":
            calls.append(_call(part))
        elif kind == "tool_call_response":
            result = part.get("response", part.get("result"))
            said = result if isinstance(result, str) else _json(result)
            results.append({"role": "tool", "tool_call_id": str(part.get("id") or ""), "content": said})
        elif kind in ("blob", "uri") and part.get("modality") == "image":
            kept = f"data:{part.get('mime_type')};base64,{part.get('content')}" if kind == "blob" else part.get("uri")
            shown.append({"type": "image_url", "image_url": {"url": str(kept)}})
        elif kind not in ("reasoning", "thinking"):
            raise Unfit("a part of a message that can't be asked again")
    if results and not (texts or shown or calls):
        return results
    words = "".join(texts) or None
    message: dict[str, Any] = {"role": role, "content": words}
    if shown:
        message["content"] = [*([{"type": "text", "text": words}] if words else []), *shown]
    if calls:
        message["tool_calls"] = calls
    return [*results, message]


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = mapping(call.get("function")) or call
    arguments = function.get("arguments")
    return {
        "id": str(call.get("id") or ""),
        "type": "function",
        "function": {
            "name": str(function.get("name") or ""),
            "arguments": arguments if isinstance(arguments, str) else _json(arguments or {}),
        },
    }


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(tool.get("function"), dict):
        return dict(tool)
    return {"type": "function", "function": {k: v for k, v in tool.items() if k != "type"}}


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
