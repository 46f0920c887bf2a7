"""A strict upstream for the clients' cases, in either wire: it answers from what it was sent, or says what is wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from typing import Any

from switchover.testing.scripted import CLOSE, HANG, RESET, Script, Seen, reply, stream

ANSWER = ("forty", "-", "two")
WEATHER = {"Oslo": "7 degrees", "Bergen": "9 degrees"}
CLAIM = {"item": "bike", "amount": 250}
MODEL = "real-model"
USAGE = (31, 9)
# Numbers that 32 bits hold exactly, one vector for each text.
VECTORS = {"roof": [0.25, -0.5, 1.0], "bike": [1.5, 0.0, -2.0]}
ENDS = {"cut: end": "end", "cut: close": CLOSE, "cut: reset": RESET}


class Wrong(Exception):
    """The request is not what a provider would take."""


def answer(number: int, seen: Seen) -> Script:
    """The script for one request, whichever wire it is in."""
    path, body = seen.line.split()[1], json.loads(seen.body)
    wire = Messages() if path.startswith("/v1/messages") else Chat()
    try:
        if path in ASIDE:
            return [reply(json.dumps(ASIDE[path](body)).encode())]
        said, calls = _say(wire, body)
    except Wrong as error:
        return [reply(wire.error(str(error)), status=400)]
    if not body.get("stream"):
        return [reply(json.dumps(wire.whole(said, calls)).encode())]
    frames = list(wire.frames(said, calls))
    prompt = wire.prompt(body)
    if prompt == "cancel":
        return [*stream(*frames[: wire.FIRST], end=False), HANG]
    if prompt in ENDS:
        end = ENDS[prompt]
        kept = frames[: wire.FIRST]
        return stream(*kept) if end == "end" else [*stream(*kept, end=False), 0.05, end]
    return stream(*frames)


def _say(wire: Chat | Messages, body: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, dict[str, Any]]]]:
    """The pieces of text and the calls of tools that the prompt asks for."""
    results = wire.results(body)
    if results is not None:
        return ("; ".join(f"{city} {told}" for city, told in results),), []
    prompt = wire.prompt(body)
    if prompt == "tools":
        if wire.tools(body) != ["weather"]:
            raise Wrong(f"the tool weather is wanted, not {wire.tools(body)}")
        return (), [("weather", {"city": city}) for city in WEATHER]
    if prompt == "schema":
        forced = wire.forced(body)
        if forced:
            return (), [(forced, CLAIM)]
        if set(wire.schema(body).get("properties", ())) != set(CLAIM):
            raise Wrong("a JSON schema with item and amount is wanted")
        return (json.dumps(CLAIM),), []
    if prompt == "file":
        return (hashlib.sha256(base64.b64decode(wire.file(body), validate=True)).hexdigest(),), []
    if prompt == "image":
        return (hashlib.sha256(base64.b64decode(wire.image(body), validate=True)).hexdigest(),), []
    return ANSWER, []


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """A vector for each text, in the form that is asked for."""
    given = body["input"] if isinstance(body["input"], list) else [body["input"]]
    if not set(given) <= set(VECTORS):
        raise Wrong(f"one of {sorted(VECTORS)} is wanted, not {given}")
    form = body.get("encoding_format", "float")
    packed = {text: base64.b64encode(struct.pack("<3f", *vector)).decode() for text, vector in VECTORS.items()}
    said = {"float": VECTORS, "base64": packed}[form]
    data = [{"object": "embedding", "index": n, "embedding": said[text]} for n, text in enumerate(given)]
    return {
        "object": "list",
        "data": data,
        "model": MODEL,
        "usage": dict.fromkeys(("prompt_tokens", "total_tokens"), 31),
    }


def _count(body: dict[str, Any]) -> dict[str, Any]:
    """How many tokens; a limit is for answers alone."""
    if "max_tokens" in body or not body["messages"]:
        raise Wrong("max_tokens: Extra inputs are not permitted")
    return {"input_tokens": USAGE[0]}


ASIDE = {"/v1/embeddings": _embeddings, "/v1/messages/count_tokens": _count}


def _checked(calls: dict[str, dict[str, Any]], results: dict[str, str]) -> list[tuple[str, str]]:
    """Each call's city and the result sent back for it; every call needs one, as at the providers."""
    if set(calls) != set(results):
        raise Wrong(f"calls {sorted(calls)} but results for {sorted(results)}")
    return [(calls[id_]["city"], told) for id_, told in results.items()]


class Chat:
    """OpenAI's wire."""

    # Frames up to the first piece of text.
    FIRST = 2

    def prompt(self, body: dict[str, Any]) -> str:
        """The user's last text."""
        content = [m for m in body["messages"] if m["role"] == "user"][-1]["content"]
        return content if isinstance(content, str) else "".join(p.get("text", "") for p in content)

    def results(self, body: dict[str, Any]) -> list[tuple[str, str]] | None:
        """City and result of each call, when results were sent back."""
        messages = body["messages"]
        results = {m["tool_call_id"]: m["content"] for m in messages if m["role"] == "tool"}
        if not results:
            return None
        calls = [c for m in messages if m["role"] == "assistant" for c in m.get("tool_calls") or ()]
        return _checked({c["id"]: json.loads(c["function"]["arguments"]) for c in calls}, results)

    def tools(self, body: dict[str, Any]) -> list[str]:
        """Names of the tools declared."""
        return [t["function"]["name"] for t in body.get("tools") or () if t["function"]["parameters"]["properties"]]

    def forced(self, body: dict[str, Any]) -> str | None:
        """The tool that must be called."""
        choice = body.get("tool_choice")
        if choice == "required":
            return next(iter(self.tools(body)), None)
        return choice["function"]["name"] if isinstance(choice, dict) else None

    def schema(self, body: dict[str, Any]) -> dict[str, Any]:
        """The schema that the answer must meet."""
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
        return schema if isinstance(schema, dict) else {}

    def image(self, body: dict[str, Any]) -> str:
        """The image in base64."""
        for part in body["messages"][-1]["content"]:
            if part["type"] == "image_url":
                head, _, data = part["image_url"]["url"].partition(",")
                if head == "data:image/png;base64":
                    return str(data)
        raise Wrong("a PNG as a data URL is wanted")

    def file(self, body: dict[str, Any]) -> str:
        """The PDF in base64."""
        for part in body["messages"][-1]["content"]:
            if part["type"] == "file" and part["file"]["filename"] == "policy.pdf":
                head, _, data = part["file"]["file_data"].partition(",")
                if head == "data:application/pdf;base64":
                    return str(data)
        raise Wrong("policy.pdf as a data URL is wanted")

    def error(self, message: str) -> bytes:
        """A 400's body."""
        return json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode()

    def _calls(self, calls: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
        return [
            {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
            for n, (name, given) in enumerate(calls)
        ]

    def whole(self, said: tuple[str, ...], calls: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
        """An answer in one piece."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(said) or None, "refusal": None}
        if calls:
            message["tool_calls"] = self._calls(calls)
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": MODEL,
            "choices": [
                {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls" if calls else "stop"}
            ],
            "usage": dict(
                zip(("prompt_tokens", "completion_tokens", "total_tokens"), (*USAGE, sum(USAGE)), strict=True)
            ),
        }

    def frames(self, said: tuple[str, ...], calls: list[tuple[str, dict[str, Any]]]) -> list[bytes]:
        """The same answer in frames; the arguments of each call come in two pieces."""
        whole = self.whole(said, calls)
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in said)]
        for n, call in enumerate(self._calls(calls)):
            given = call["function"]["arguments"]
            first = {**call, "index": n, "function": {**call["function"], "arguments": given[:4]}}
            deltas += [{"tool_calls": [first]}, {"tool_calls": [{"index": n, "function": {"arguments": given[4:]}}]}]
        choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
        choices.append({"index": 0, "delta": {}, "finish_reason": whole["choices"][0]["finish_reason"]})
        shared = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
        chunks = [{**shared, "choices": [choice]} for choice in choices]
        chunks.append({**shared, "choices": [], "usage": whole["usage"]})
        return [b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks] + [b"data: [DONE]\n\n"]


class Messages:
    """Anthropic's wire."""

    FIRST = 3

    def prompt(self, body: dict[str, Any]) -> str:
        """The last text of the user."""
        said = [self._blocks(m) for m in body["messages"] if m["role"] == "user"]
        return "".join(b["text"] for b in said[-1] if b["type"] == "text")

    def _blocks(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        content = message["content"]
        return [{"type": "text", "text": content}] if isinstance(content, str) else content

    def results(self, body: dict[str, Any]) -> list[tuple[str, str]] | None:
        """City and result of each call, when results were sent back."""
        if "max_tokens" not in body:
            raise Wrong("max_tokens: field required")
        turns = [self._blocks(m) for m in body["messages"]]
        last = [b for b in turns[-1] if b["type"] == "tool_result"]
        if not last:
            return None
        results = {b["tool_use_id"]: self._told(b["content"]) for b in last}
        return _checked({b["id"]: b["input"] for b in turns[-2] if b["type"] == "tool_use"}, results)

    def _told(self, content: str | list[dict[str, Any]]) -> str:
        return content if isinstance(content, str) else "".join(b["text"] for b in content)

    def tools(self, body: dict[str, Any]) -> list[str]:
        """Names of the tools declared."""
        return [t["name"] for t in body.get("tools") or () if t["input_schema"]["properties"]]

    def forced(self, body: dict[str, Any]) -> str | None:
        """The tool that must be called."""
        choice = body.get("tool_choice") or {}
        if choice.get("type") == "any":
            return next(iter(self.tools(body)), None)
        name = choice.get("name")
        return str(name) if name else None

    def schema(self, body: dict[str, Any]) -> dict[str, Any]:
        """The schema that the answer must meet."""
        schema = (body.get("output_config", {}).get("format") or {}).get("schema", {})
        return schema if isinstance(schema, dict) else {}

    def image(self, body: dict[str, Any]) -> str:
        """The image in base64."""
        for block in self._blocks(body["messages"][-1]):
            if block["type"] == "image" and block["source"].get("media_type") == "image/png":
                return str(block["source"]["data"])
        raise Wrong("a PNG in base64 is wanted")

    def file(self, body: dict[str, Any]) -> str:
        """The PDF in base64."""
        for block in self._blocks(body["messages"][-1]):
            is_pdf = block["type"] == "document" and block["source"].get("media_type") == "application/pdf"
            if is_pdf and block.get("title") == "policy.pdf":
                return str(block["source"]["data"])
        raise Wrong("policy.pdf in base64 is wanted")

    def error(self, message: str) -> bytes:
        """A 400's body."""
        return json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": message}}).encode()

    def whole(self, said: tuple[str, ...], calls: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
        """An answer in one piece."""
        content: list[dict[str, Any]] = [{"type": "text", "text": "".join(said)}] if said else []
        content += [{"type": "tool_use", "id": f"toolu_{n}", "name": c[0], "input": c[1]} for n, c in enumerate(calls)]
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": content,
            "stop_reason": "tool_use" if calls else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": USAGE[0], "output_tokens": USAGE[1]},
        }

    def frames(self, said: tuple[str, ...], calls: list[tuple[str, dict[str, Any]]]) -> list[bytes]:
        """The same answer in frames; the arguments of each call come in two pieces."""
        whole = self.whole(said, calls)
        usage = {"input_tokens": USAGE[0], "output_tokens": 1}
        start = {**whole, "content": [], "stop_reason": None, "usage": usage}
        events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
        for index, block in enumerate(whole["content"]):
            empty, deltas = self._pieces(block, said)
            events.append({"type": "content_block_start", "index": index, "content_block": empty})
            events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
            events.append({"type": "content_block_stop", "index": index})
        ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
        events.append({"type": "message_delta", "delta": ended, "usage": {"output_tokens": USAGE[1]}})
        events.append({"type": "message_stop"})
        return [b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events]

    def _pieces(self, block: dict[str, Any], said: tuple[str, ...]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        if block["type"] == "text":
            return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in said]
        given = json.dumps(block["input"])
        return {**block, "input": {}}, [
            {"type": "input_json_delta", "partial_json": piece} for piece in (given[:4], given[4:])
        ]
