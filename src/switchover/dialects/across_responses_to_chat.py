"""A request for OpenAI's responses, told as one for its chat.

Sources: platform.openai.com/docs/api-reference/responses/create and /chat/create.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..errors import BadRequest
from .across_fields import left_out, limit_name, listed, refuse, takes_effort, unknown
from .across_parts import settled
from .shapes import read_request


class _Part(msgspec.Struct):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None


class _Item(msgspec.Struct):
    type: str = "message"
    role: str = ""
    content: str | list[_Part] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str = ""
    output: str | list[_Part] = ""


class _Tool(msgspec.Struct):
    type: str
    name: str = ""
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Text(msgspec.Struct):
    format: dict[str, Any] | None = None
    verbosity: str | None = None


class _Request(msgspec.Struct):
    input: str | list[_Item]
    instructions: str | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stream: bool | None = None
    tools: list[_Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: _Text | None = None
    reasoning: dict[str, Any] | None = None
    store: bool | None = None


_FIELDS = msgspec.json.Decoder(dict[str, Any])
_REQUEST = msgspec.json.Decoder(_Request)

_CARRIED = frozenset(_Request.__struct_fields__) | {"model"}
# What an answer of responses bears and no question needs.
_ITEM = frozenset(_Item.__struct_fields__) | {"id", "status"}
_PART = frozenset(_Part.__struct_fields__) | {"annotations", "logprobs"}
_TOOL = frozenset(_Tool.__struct_fields__)
_REFUSED = ("background", "moderation")
_KEPT = ("previous_response_id", "conversation", "prompt")
_INSTEAD = "send the whole input, with `store: false`"


def responses_to_chat(body: bytes, model: str, target: str) -> tuple[bytes, tuple[str, ...]]:
    """The chat's body for ``model``, and what was left out; raises :class:`BadRequest`.

    For another ``target`` than the chat it is the hub's, which says more; see :mod:`.across_parts`.
    """
    fields = read_request(body, _FIELDS)
    refuse(fields, _REFUSED)
    for name in _KEPT:
        if fields.get(name):
            raise BadRequest(
                f"`{name}` names what a provider of responses keeps, and this upstream is none; {_INSTEAD}."
            )
    request = read_request(body, _REQUEST)
    dropped = left_out(fields, _CARRIED) + _unknown(fields)
    messages = [{"role": "system", "content": request.instructions}] if request.instructions else []
    messages += _messages(request.input, dropped)
    is_hub = target != "openai_chat"
    out: dict[str, Any] = {"model": model, "messages": messages if is_hub else settled(messages)}
    if request.max_output_tokens is not None:
        out[limit_name(model)] = request.max_output_tokens
    for key, value in (("temperature", request.temperature), ("top_p", request.top_p)):
        if value is not None:
            out[key] = value
    if request.stream:
        # A stream of responses always ends with usage, the chat's only when asked.
        out |= {"stream": True, "stream_options": {"include_usage": True}}
    if request.tools:
        out |= _tools(request, request.tools)
    takes = is_hub or takes_effort(model)
    out |= _format(request.text, takes, dropped) | _effort(request.reasoning, takes, dropped)
    if request.store:
        dropped.append("store")
    return msgspec.json.encode(out), tuple(dict.fromkeys(dropped))


def _unknown(fields: dict[str, Any]) -> list[str]:
    """What of items, parts and tools nobody else would understand."""
    items = [item for item in listed(fields.get("input")) if isinstance(item, dict) and item.get("type") != "reasoning"]
    parts = [part for item in items for name in ("content", "output") for part in listed(item.get(name))]
    return [
        *unknown("input", items, _ITEM),
        *unknown("input.content", parts, _PART),
        *unknown("tools", listed(fields.get("tools")), _TOOL),
    ]


def _messages(given: str | list[_Item], dropped: list[str]) -> list[dict[str, Any]]:
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    messages: list[dict[str, Any]] = []
    for item in given:
        if item.type == "message":
            messages.append(_message(item))
        elif item.type == "function_call":
            _add_call(messages, item)
        elif item.type == "function_call_output":
            told = _content(item.output)
            messages.append({"role": "tool", "tool_call_id": _named(item.call_id, "call_id"), "content": told})
        elif item.type == "reasoning":
            # Its provider alone can read it.
            dropped.append("reasoning items")
        else:
            raise BadRequest(f"Input items of type `{item.type}` can't be carried to this upstream; {_INSTEAD}.")
    return messages


def _message(item: _Item) -> dict[str, Any]:
    # Most servers know of `system` alone; OpenAI takes it for `developer`.
    role = "system" if item.role == "developer" else item.role
    if role not in ("system", "user", "assistant"):
        raise BadRequest(f"Messages of role `{item.role}` can't be carried to this upstream.")
    return {"role": role, "content": _content(item.content or "")}


def _add_call(messages: list[dict[str, Any]], item: _Item) -> None:
    """Calls belong to the assistant's message before them, so that parallel ones share one."""
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    function = {"name": _named(item.name, "name"), "arguments": item.arguments}
    call = {"id": _named(item.call_id, "call_id"), "type": "function", "function": function}
    messages[-1].setdefault("tool_calls", []).append(call)


def _named(value: str | None, field: str) -> str:
    if not value:
        raise BadRequest(f"A call or its output has no `{field}`.")
    return value


def _content(content: str | list[_Part]) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    parts = [_part(part) for part in content]
    if all(part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts)
    return parts


def _part(part: _Part) -> dict[str, Any]:
    if part.type in ("input_text", "output_text", "text", "refusal"):
        return {"type": "text", "text": part.text or part.refusal or ""}
    if part.type == "input_image" and part.image_url:
        image = {"url": part.image_url}
        if part.detail in ("low", "high"):
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}
    if part.type == "input_file" and part.file_data:
        return {"type": "file", "file": {"filename": part.filename or "file", "file_data": part.file_data}}
    if part.type == "input_file" and part.file_url:
        named = {"filename": part.filename} if part.filename else {}
        return {"type": "file", "file": {**named, "file_url": part.file_url}}
    raise BadRequest(
        f"Message parts of type `{part.type}` can't be carried to this upstream unless they hold the data."
    )


def _tools(request: _Request, tools: list[_Tool]) -> dict[str, Any]:
    choice = request.tool_choice
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        # To allow some tools is to offer these alone.
        names = {tool.get("name") for tool in choice.get("tools") or () if tool.get("type") == "function"}
        tools = [tool for tool in tools if tool.name in names]
        choice = str(choice.get("mode") or "auto")
        if not tools:
            raise BadRequest("`tool_choice.tools` allows none of the functions in `tools`.")
    out: dict[str, Any] = {"tools": [_tool(tool) for tool in tools]}
    if isinstance(choice, dict):
        if choice.get("type") != "function" or not choice.get("name"):
            raise BadRequest("This `tool_choice` can't be carried to this upstream.")
        out["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}}
    elif choice is not None:
        out["tool_choice"] = choice
    if request.parallel_tool_calls is not None:
        out["parallel_tool_calls"] = request.parallel_tool_calls
    return out


def _tool(tool: _Tool) -> dict[str, Any]:
    if tool.type != "function":
        raise BadRequest(f"Tools of type `{tool.type}` run at OpenAI and can't be carried to this upstream.")
    told = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }
    return {"type": "function", "function": {key: value for key, value in told.items() if value is not None}}


def _format(text: _Text | None, takes: bool, dropped: list[str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if text is None:
        return out
    if text.verbosity is not None and takes:
        out["verbosity"] = text.verbosity
    elif text.verbosity is not None:
        dropped.append("text.verbosity")
    wanted = text.format or {"type": "text"}
    if wanted.get("type") == "text":
        return out
    if wanted.get("type") == "json_object":
        return {**out, "response_format": wanted}
    if wanted.get("type") != "json_schema":
        raise BadRequest("This `text.format` can't be carried to this upstream.")
    schema = {key: value for key, value in wanted.items() if key != "type" and value is not None}
    return {**out, "response_format": {"type": "json_schema", "json_schema": schema}}


def _effort(reasoning: dict[str, Any] | None, takes: bool, dropped: list[str]) -> dict[str, Any]:
    asked = {key: value for key, value in (reasoning or {}).items() if value is not None}
    effort = asked.pop("effort", None) if takes else None
    dropped += [f"reasoning.{key}" for key in sorted(asked)]
    return {} if effort is None else {"reasoning_effort": effort}
