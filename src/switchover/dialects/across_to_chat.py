"""A request of Anthropic's, told as one of OpenAI's.

Sources: platform.openai.com/docs/api-reference/chat/create, docs.claude.com/en/api/messages.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..errors import BadRequest
from .across_fields import left_out, limit_name, refuse
from .across_schema import is_closed, to_chat_format
from .shapes import read_request


class _Source(msgspec.Struct):
    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None


class _Block(msgspec.Struct):
    type: str
    text: str | None = None
    source: _Source | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None
    tool_use_id: str | None = None
    content: str | list[_Block] | None = None
    is_error: bool | None = None


class _Turn(msgspec.Struct):
    role: str
    content: str | list[_Block]


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
    system: str | list[_Block] | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    tools: list[_MessagesTool] | None = None
    tool_choice: _Choice | None = None


_FIELDS = msgspec.json.Decoder(dict[str, Any])
_MESSAGES = msgspec.json.Decoder(_MessagesRequest)

_CARRIED = frozenset(_MessagesRequest.__struct_fields__) | {"model", "output_config"}
_REFUSED = ("output_format", "mcp_servers", "container")


def to_chat(body: bytes, model: str) -> tuple[bytes, tuple[str, ...]]:
    """OpenAI's body for ``model``, and what was left out; raises :class:`BadRequest`."""
    fields, request = read_request(body, _FIELDS), read_request(body, _MESSAGES)
    refuse(fields, _REFUSED)
    config = fields.get("output_config")
    wanted = to_chat_format(config)
    dropped = left_out(fields, _CARRIED)
    if isinstance(config, dict):
        dropped += sorted(f"output_config.{name}" for name in config if name != "format")
    messages: list[dict[str, Any]] = []
    if request.system:
        messages.append({"role": "system", "content": _joined(request.system)})
    for turn in request.messages:
        messages += _chat_messages(turn, dropped)
    out: dict[str, Any] = {"model": model, "messages": messages}
    # A request whose tokens are only counted has no limit.
    if request.max_tokens is not None:
        out[limit_name(model)] = request.max_tokens
    for key, value in (("temperature", request.temperature), ("top_p", request.top_p)):
        if value is not None:
            out[key] = value
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


def _chat_messages(turn: _Turn, dropped: list[str]) -> list[dict[str, Any]]:
    if isinstance(turn.content, str):
        return [{"role": turn.role, "content": turn.content}]
    results: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for block in turn.content:
        if block.type == "text":
            parts.append({"type": "text", "text": block.text or ""})
        elif block.type == "image" and block.source is not None:
            parts.append({"type": "image_url", "image_url": {"url": _image_url(block.source)}})
        elif block.type == "tool_use":
            function = {"name": block.name, "arguments": msgspec.json.encode(block.input or {}).decode()}
            calls.append({"id": block.id, "type": "function", "function": function})
        elif block.type == "tool_result":
            told = _joined(block.content or "")
            results.append({"role": "tool", "tool_call_id": block.tool_use_id, "content": told})
            if block.is_error:
                dropped.append("tool_result.is_error")
        elif block.type in ("thinking", "redacted_thinking"):
            # Signed reasoning can't be moved to another provider.
            dropped.append("thinking")
        else:
            raise BadRequest(f"Content blocks of type `{block.type}` can't be carried to this upstream.")
    plain = all(part["type"] == "text" for part in parts)
    content: Any = ("".join(part["text"] for part in parts) or None) if plain else parts
    message: dict[str, Any] = {"role": turn.role, "content": content}
    if calls:
        message["tool_calls"] = calls
    return [*results, message] if content is not None or calls else results


def _joined(content: str | list[_Block]) -> str:
    if isinstance(content, str):
        return content
    for block in content:
        if block.type != "text":
            raise BadRequest(f"Blocks of type `{block.type}` can't be carried here; send text.")
    return "\n\n".join(block.text or "" for block in content)


def _image_url(source: _Source) -> str:
    if source.type == "base64" and source.media_type and source.data:
        return f"data:{source.media_type};base64,{source.data}"
    if source.type == "url" and source.url:
        return source.url
    raise BadRequest(f"Images from a `{source.type}` can't be carried to this upstream.")


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
