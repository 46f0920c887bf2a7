"""A request of OpenAI's, told as one of Anthropic's.

Sources: platform.openai.com/docs/api-reference/chat/create, docs.claude.com/en/api/messages.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..errors import BadRequest
from .across_effort import takes_sampling, to_messages_effort
from .across_fields import chat_unknown, left_out, refuse
from .across_parts import file_block, image_block
from .across_schema import to_messages_format
from .shapes import read_request

# Anthropic requires `max_tokens`, OpenAI doesn't. 4096 is the most that every model of Anthropic's still served allows.
DEFAULT_MAX_TOKENS = 4096


class _ImageUrl(msgspec.Struct):
    url: str
    detail: str | None = None


class _Part(msgspec.Struct):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: _ImageUrl | None = None
    file: dict[str, Any] | None = None


class _CalledFunction(msgspec.Struct):
    name: str
    arguments: str = ""


class _Call(msgspec.Struct):
    id: str
    function: _CalledFunction | None = None


class _ChatMessage(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    name: str | None = None


class _DeclaredFunction(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _ChatTool(msgspec.Struct):
    type: str
    function: _DeclaredFunction | None = None


class _ChatRequest(msgspec.Struct):
    messages: list[_ChatMessage]
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    tools: list[_ChatTool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None


_FIELDS = msgspec.json.Decoder(dict[str, Any])
_CHAT = msgspec.json.Decoder(_ChatRequest)
_JSON = msgspec.json.Decoder()

_CARRIED = frozenset(_ChatRequest.__struct_fields__) | {
    "model",
    "stream_options",
    "n",
    "response_format",
    "reasoning_effort",
}
_REFUSED = ("functions", "function_call", "audio", "prediction", "web_search_options")


def to_messages(body: bytes, model: str) -> tuple[bytes, tuple[str, ...]]:
    """Anthropic's body for ``model``, and what was left out; raises :class:`BadRequest`."""
    fields, request = read_request(body, _FIELDS), read_request(body, _CHAT)
    refuse(fields, _REFUSED)
    if fields.get("n") not in (None, 1):
        raise BadRequest("`n` above 1 can't be carried to this upstream; ask once per answer.")
    wanted = to_messages_format(fields.get("response_format"))
    dropped = left_out(fields, _CARRIED) + _unnamed(request.messages) + chat_unknown(fields)
    limit = request.max_completion_tokens or request.max_tokens or DEFAULT_MAX_TOKENS
    out: dict[str, Any] = {"model": model, "max_tokens": limit}
    system = "\n\n".join(_plain(m) for m in request.messages if m.role in ("system", "developer"))
    if system:
        out["system"] = system
    out["messages"] = _turns(request.messages)
    if not takes_sampling(model):
        dropped += [name for name in ("temperature", "top_p") if fields.get(name) is not None]
    else:
        if request.temperature is not None:
            # Anthropic's scale ends at 1, OpenAI's at 2.
            out["temperature"] = min(request.temperature, 1.0)
            if request.temperature > 1:
                dropped.append("temperature>1")
        if request.top_p is not None:
            out["top_p"] = request.top_p
    if request.stop:
        out["stop_sequences"] = [request.stop] if isinstance(request.stop, str) else request.stop
    if request.stream:
        out["stream"] = True
    if wanted is not None:
        out["output_config"] = wanted
    if request.tools:
        out["tools"] = [_messages_tool(tool) for tool in request.tools]
        choice = _messages_choice(request)
        if choice is not None:
            out["tool_choice"] = choice
    effort = fields.get("reasoning_effort")
    if effort is not None and not to_messages_effort(effort, model, out):
        dropped.append("reasoning_effort")
    return msgspec.json.encode(out), tuple(dropped)


def _unnamed(messages: list[_ChatMessage]) -> list[str]:
    """What of the messages has no place at Anthropic."""
    parts = [part for message in messages if isinstance(message.content, list) for part in message.content]
    found = {"messages.name"} if any(message.name for message in messages) else set()
    if any(part.image_url is not None and part.image_url.detail not in (None, "auto") for part in parts):
        found.add("image_url.detail")
    return sorted(found)


def _turns(messages: list[_ChatMessage]) -> list[dict[str, Any]]:
    """Turns with blocks; neighbours of one role are joined, since results of parallel calls belong into one turn."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role in ("system", "developer"):
            continue
        role, blocks = _blocks(message)
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    if not turns:
        raise BadRequest("`messages` has no message but the system's; this upstream needs one of the user's.")
    return turns


def _blocks(message: _ChatMessage) -> tuple[str, list[dict[str, Any]]]:
    if message.role == "tool":
        if message.tool_call_id is None:
            raise BadRequest("A message of role `tool` has no `tool_call_id`.")
        result = {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": _result(message)}
        return "user", [result]
    if message.role not in ("user", "assistant"):
        raise BadRequest(f"Messages of role `{message.role}` can't be carried to this upstream.")
    blocks = _parts(message)
    for call in message.tool_calls or ():
        if call.function is None:
            raise BadRequest("Only calls of functions can be carried to this upstream.")
        arguments = _arguments(call.function.arguments)
        blocks.append({"type": "tool_use", "id": call.id, "name": call.function.name, "input": arguments})
    return message.role, blocks


def _parts(message: _ChatMessage) -> list[dict[str, Any]]:
    # Anthropic rejects empty text blocks.
    if not isinstance(message.content, list):
        text = message.content or message.refusal
        return [{"type": "text", "text": text}] if text else []
    blocks: list[dict[str, Any]] = []
    for part in message.content:
        if part.type in ("text", "refusal"):
            text = part.text or part.refusal
            blocks += [{"type": "text", "text": text}] if text else []
        elif part.type == "image_url" and part.image_url is not None:
            blocks.append(image_block(part.image_url.url))
        elif part.type == "file" and part.file is not None:
            blocks.append(file_block(part.file))
        else:
            raise BadRequest(f"Message parts of type `{part.type}` can't be carried to this upstream.")
    return blocks


def _plain(message: _ChatMessage) -> str:
    blocks = _parts(message)
    if any(block["type"] != "text" for block in blocks):
        raise BadRequest(f"A message of role `{message.role}` may hold nothing but text.")
    return "".join(block["text"] for block in blocks)


def _result(message: _ChatMessage) -> str | list[dict[str, Any]]:
    """What a tool returned: text where there is nothing else."""
    blocks = _parts(message)
    return _plain(message) if all(block["type"] == "text" for block in blocks) else blocks


def _arguments(text: str) -> dict[str, Any]:
    try:
        arguments = _JSON.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"A tool call's `arguments` are not JSON: {error}.") from error
    if not isinstance(arguments, dict):
        raise BadRequest("A tool call's `arguments` are not a JSON object.")
    return arguments


def _messages_tool(tool: _ChatTool) -> dict[str, Any]:
    if tool.type != "function" or tool.function is None:
        raise BadRequest(f"Tools of type `{tool.type}` can't be carried to this upstream.")
    schema = tool.function.parameters or {"type": "object", "properties": {}}
    out: dict[str, Any] = {"name": tool.function.name, "input_schema": schema}
    if tool.function.description is not None:
        out["description"] = tool.function.description
    if tool.function.strict:
        out["strict"] = True
    return out


def _messages_choice(request: _ChatRequest) -> dict[str, Any] | None:
    choice = request.tool_choice
    names = {"auto": "auto", "required": "any", "none": "none"}
    if isinstance(choice, dict):
        function = choice.get("function")
        if choice.get("type") != "function" or not isinstance(function, dict) or "name" not in function:
            raise BadRequest("This `tool_choice` can't be carried to this upstream.")
        out: dict[str, Any] = {"type": "tool", "name": function["name"]}
    elif choice is None:
        out = {"type": "auto"}
    elif choice in names:
        out = {"type": names[choice]}
    else:
        raise BadRequest(f"`tool_choice` is `{choice}`; send auto, required, none or a function.")
    if request.parallel_tool_calls is False and out["type"] != "none":
        out["disable_parallel_tool_use"] = True
    return None if choice is None and len(out) == 1 else out
