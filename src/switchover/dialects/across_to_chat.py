"""A request of Anthropic's, told as one of OpenAI's.

Sources: platform.openai.com/docs/api-reference/chat/create, docs.claude.com/en/api/messages.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..errors import BadRequest
from .across_effort import chat_effort, takes_sampling
from .across_fields import left_out, limit_name, listed, refuse, takes_effort, unknown
from .across_parts import Block, parts_of, settled
from .across_schema import is_closed, to_chat_format
from .shapes import read_request


class _Turn(msgspec.Struct):
    role: str
    content: str | list[Block]


class _MessagesTool(msgspec.Struct):
    name: str
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None


class _Choice(msgspec.Struct):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _MessagesRequest(msgspec.Struct):
    messages: list[_Turn]
    max_tokens: int | None = None
    system: str | list[Block] | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    tools: list[_MessagesTool] | None = None
    tool_choice: _Choice | None = None


_FIELDS = msgspec.json.Decoder(dict[str, Any])
_MESSAGES = msgspec.json.Decoder(_MessagesRequest)

_CARRIED = frozenset(_MessagesRequest.__struct_fields__) | {
    "model",
    "output_config",
    "output_format",
    "thinking",
    "cache_control",
}
# Where data may be processed is no hint: without it a request would go where it may not.
_REFUSED = ("mcp_servers", "container", "inference_geo")
_TOOL = frozenset(_MessagesTool.__struct_fields__) | {"cache_control"}
_BLOCK = frozenset(Block.__struct_fields__) | {"cache_control", "thinking", "signature", "data"}


def to_chat(body: bytes, model: str, target: str) -> tuple[bytes, tuple[str, ...]]:
    """OpenAI's body for ``model``, and what was left out; raises :class:`BadRequest`.

    For another ``target`` than the chat it is the hub's, which says more; see :mod:`.across_parts`.
    """
    fields, request = read_request(body, _FIELDS), read_request(body, _MESSAGES)
    refuse(fields, _REFUSED)
    config = fields.get("output_config")
    wanted = to_chat_format(config) or to_chat_format({"format": fields.get("output_format")})
    dropped = left_out(fields, _CARRIED) + _unknown(fields)
    messages: list[dict[str, Any]] = []
    if request.system:
        messages.append({"role": "system", "content": _joined(request.system, dropped)})
    for turn in request.messages:
        messages += _chat_messages(turn, dropped)
    out: dict[str, Any] = {"model": model, "messages": settled(messages) if target == "openai_chat" else messages}
    out |= _effort(fields, model, dropped)
    # A request whose tokens are only counted has no limit.
    if request.max_tokens is not None:
        out[limit_name(model)] = request.max_tokens
    for key, value in (("temperature", request.temperature), ("top_p", request.top_p)):
        if value is not None and takes_sampling(model):
            out[key] = value
        elif value is not None:
            dropped.append(key)
    if request.stop_sequences:
        out["stop"] = request.stop_sequences
    if request.stream:
        # Anthropic's streams always end with usage, OpenAI's only when asked.
        out |= {"stream": True, "stream_options": {"include_usage": True}}
    if wanted is not None:
        out["response_format"] = wanted
    if request.tools:
        out["tools"] = [_chat_tool(tool) for tool in request.tools]
        if any(tool.strict and not is_closed(tool.input_schema) for tool in request.tools):
            dropped.append("tools.strict")
        out |= _chat_choice(request.tool_choice)
    # Every cache mark is only a hint about cost.
    if b'"cache_control"' in msgspec.json.encode(fields):
        dropped.append("cache_control")
    return msgspec.json.encode(out), tuple(dict.fromkeys(dropped))


def _unknown(fields: dict[str, Any]) -> list[str]:
    """What of blocks and tools nobody else would understand."""
    messages = [message for message in listed(fields.get("messages")) if isinstance(message, dict)]
    blocks = [block for message in messages for block in listed(message.get("content"))]
    return unknown("messages.content", blocks, _BLOCK) + unknown("tools", listed(fields.get("tools")), _TOOL)


def _effort(fields: dict[str, Any], model: str, dropped: list[str]) -> dict[str, Any]:
    thinking, config = fields.get("thinking"), fields.get("output_config")
    effort = chat_effort(thinking, config) if takes_effort(model) else None
    asked = {f"output_config.{name}" for name in config if name != "format"} if isinstance(config, dict) else set()
    if effort is not None:
        asked.discard("output_config.effort")
    elif thinking:
        asked.add("thinking")
    dropped += sorted(asked)
    return {} if effort is None else {"reasoning_effort": effort}


def _chat_messages(turn: _Turn, dropped: list[str]) -> list[dict[str, Any]]:
    if isinstance(turn.content, str):
        return [{"role": turn.role, "content": turn.content}]
    results: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for block in turn.content:
        if block.type == "tool_use":
            function = {"name": block.name, "arguments": msgspec.json.encode(block.input or {}).decode()}
            calls.append({"id": block.id, "type": "function", "function": function})
        elif block.type == "tool_result":
            results.append({"role": "tool", "tool_call_id": block.tool_use_id, "content": _result(block, dropped)})
        elif block.type in ("thinking", "redacted_thinking"):
            # Signed reasoning can't be moved to another provider.
            dropped.append("thinking")
        else:
            parts += parts_of(block, dropped)
    content = _plain(parts, "") or None
    message: dict[str, Any] = {"role": turn.role, "content": content}
    if calls:
        message["tool_calls"] = calls
    return [*results, message] if content is not None or calls else results


def _result(block: Block, dropped: list[str]) -> str | list[dict[str, Any]]:
    """What a tool returned. The chat has no mark for a failure, so that it is said in words."""
    content = block.content or ""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else []
    if not isinstance(content, str):
        parts = [part for one in content for part in parts_of(one, dropped)]
    if block.is_error:
        parts.insert(0, {"type": "text", "text": "The tool failed."})
        parts = [part for part in parts if part != {"type": "text", "text": ""}]
    return _plain(parts, "\n\n")


def _plain(parts: list[dict[str, Any]], between: str) -> str | list[dict[str, Any]]:
    """The text where there is nothing else, as more servers take it so."""
    return between.join(part["text"] for part in parts) if all(part["type"] == "text" for part in parts) else parts


def _joined(content: str | list[Block], dropped: list[str]) -> str:
    if isinstance(content, str):
        return content
    parts = [part for block in content for part in parts_of(block, dropped)]
    said = _plain(parts, "\n\n")
    if not isinstance(said, str):
        raise BadRequest("A system prompt may hold nothing but text here.")
    return said


def _chat_tool(tool: _MessagesTool) -> dict[str, Any]:
    if tool.type not in (None, "custom") or tool.input_schema is None:
        raise BadRequest(f"Tools of type `{tool.type}` run at Anthropic and can't be carried to this upstream.")
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.input_schema}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.strict and is_closed(tool.input_schema):
        function["strict"] = True
    return {"type": "function", "function": function}


def _chat_choice(choice: _Choice | None) -> dict[str, Any]:
    if choice is None:
        return {}
    names = {"auto": "auto", "any": "required", "none": "none"}
    if choice.type == "tool":
        out: dict[str, Any] = {"tool_choice": {"type": "function", "function": {"name": choice.name}}}
    elif choice.type in names:
        out = {"tool_choice": names[choice.type]}
    else:
        raise BadRequest(f"`tool_choice.type` is `{choice.type}`; send auto, any, tool or none.")
    if choice.disable_parallel_tool_use:
        out["parallel_tool_calls"] = False
    return out
