"""A request for OpenAI's chat, told as one for its responses.

Sources: platform.openai.com/docs/api-reference/chat/create and /responses/create.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..errors import BadRequest
from .across_fields import chat_unknown, left_out, refuse
from .shapes import read_request


class _Function(msgspec.Struct):
    name: str
    arguments: str = ""
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Call(msgspec.Struct):
    id: str
    function: _Function | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    name: str | None = None


class _Tool(msgspec.Struct):
    type: str
    function: _Function | None = None


class _Request(msgspec.Struct):
    messages: list[_Message]
    tools: list[_Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    store: bool | None = None


_FIELDS = msgspec.json.Decoder(dict[str, Any])
_REQUEST = msgspec.json.Decoder(_Request)

# Fields of the same name and meaning in both.
_SAME = (
    "temperature",
    "top_p",
    "stream",
    "parallel_tool_calls",
    "metadata",
    "user",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
)
_CARRIED = frozenset(_Request.__struct_fields__) | {*_SAME, "model", "n", "stream_options"}
_REFUSED = ("functions", "function_call", "audio", "prediction", "web_search_options", "stop")


def chat_to_responses(body: bytes, model: str) -> tuple[bytes, tuple[str, ...]]:
    """The body for responses and ``model``, and what was left out; raises :class:`BadRequest`."""
    fields = read_request(body, _FIELDS)
    refuse(fields, _REFUSED)
    if fields.get("n") not in (None, 1):
        raise BadRequest("`n` above 1 can't be carried to this upstream; ask once per answer.")
    request = read_request(body, _REQUEST)
    out: dict[str, Any] = {"model": model, "input": [item for one in request.messages for item in _items(one)]}
    # The chat keeps nothing unless asked, responses do.
    out["store"] = bool(request.store)
    out |= {key: fields[key] for key in _SAME if fields.get(key) is not None}
    limit = request.max_completion_tokens or request.max_tokens
    if limit is not None:
        out["max_output_tokens"] = limit
    if request.tools:
        out["tools"] = [_tool(tool) for tool in request.tools]
        if request.tool_choice is not None:
            out["tool_choice"] = _choice(request.tool_choice)
    text = _format(request.response_format)
    if request.verbosity is not None:
        text["verbosity"] = request.verbosity
    if text:
        out["text"] = text
    if request.reasoning_effort is not None:
        out["reasoning"] = {"effort": request.reasoning_effort}
    dropped = left_out(fields, _CARRIED) + chat_unknown(fields)
    if any(message.name for message in request.messages):
        dropped.append("messages.name")
    return msgspec.json.encode(out), tuple(dropped)


def _items(message: _Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        if message.tool_call_id is None:
            raise BadRequest("A message of role `tool` has no `tool_call_id`.")
        return [{"type": "function_call_output", "call_id": message.tool_call_id, "output": _output(message)}]
    if message.role == "assistant":
        said = _plain(message) or message.refusal
        items: list[dict[str, Any]] = [{"role": "assistant", "content": said}] if said else []
        for call in message.tool_calls or ():
            if call.function is None:
                raise BadRequest("Only calls of functions can be carried to this upstream.")
            told = {"call_id": call.id, "name": call.function.name, "arguments": call.function.arguments}
            items.append({"type": "function_call", **told})
        return items
    if message.role not in ("user", "system", "developer"):
        raise BadRequest(f"Messages of role `{message.role}` can't be carried to this upstream.")
    if not isinstance(message.content, list):
        return [{"role": message.role, "content": message.content or ""}]
    return [{"role": message.role, "content": [_part(part) for part in message.content]}]


def _output(message: _Message) -> str | list[dict[str, Any]]:
    """What a tool returned: text where there is nothing else."""
    if isinstance(message.content, list) and any(part.get("type") != "text" for part in message.content):
        return [_part(part) for part in message.content]
    return _plain(message)


def _plain(message: _Message) -> str:
    if not isinstance(message.content, list):
        return message.content or ""
    if any(part.get("type") not in ("text", "refusal") for part in message.content):
        raise BadRequest(f"A message of role `{message.role}` may hold nothing but text.")
    return "".join(str(part.get("text") or part.get("refusal") or "") for part in message.content)


def _part(part: dict[str, Any]) -> dict[str, Any]:
    kind, held = part.get("type"), part.get(str(part.get("type")))
    if kind == "text":
        return {"type": "input_text", "text": part.get("text") or ""}
    if kind == "image_url" and isinstance(held, dict) and held.get("url"):
        return {"type": "input_image", "image_url": held["url"], "detail": held.get("detail") or "auto"}
    if kind == "file" and isinstance(held, dict):
        return {"type": "input_file", **held}
    raise BadRequest(f"Message parts of type `{kind}` can't be carried to this upstream.")


def _tool(tool: _Tool) -> dict[str, Any]:
    if tool.type != "function" or tool.function is None:
        raise BadRequest(f"Tools of type `{tool.type}` can't be carried to this upstream.")
    function = tool.function
    out: dict[str, Any] = {"type": "function", "name": function.name, "parameters": function.parameters}
    if function.description is not None:
        out["description"] = function.description
    # Responses are strict unless told otherwise, the chat is not.
    out["strict"] = bool(function.strict)
    return out


def _choice(choice: str | dict[str, Any]) -> str | dict[str, Any]:
    if isinstance(choice, str):
        return choice
    function = choice.get("function")
    if choice.get("type") != "function" or not isinstance(function, dict) or "name" not in function:
        raise BadRequest("This `tool_choice` can't be carried to this upstream.")
    return {"type": "function", "name": function["name"]}


def _format(wanted: dict[str, Any] | None) -> dict[str, Any]:
    if wanted is None:
        return {}
    schema = wanted.get("json_schema")
    if wanted.get("type") == "json_schema" and isinstance(schema, dict):
        return {"format": {"type": "json_schema", **schema}}
    if wanted.get("type") in ("text", "json_object"):
        return {"format": {"type": wanted["type"]}}
    raise BadRequest("This `response_format` can't be carried to this upstream.")
