"""What each case asks of a client, and what its caller must see."""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from upstream import ANSWER, CLAIM, ENDS, MODEL, USAGE, VECTORS, WEATHER

ROUTE = "claims"
STRING = {"type": "string"}
CITY = {"type": "object", "properties": {"city": STRING}, "required": ["city"], "additionalProperties": False}
SCHEMA = {
    "type": "object",
    "properties": {"item": STRING, "amount": {"type": "integer"}},
    "required": ["item", "amount"],
    "additionalProperties": False,
}
# How each client names the ends of an answer: by itself, and after calls of tools.
STOPS = {"openai": ("stop", "tool_calls"), "anthropic": ("end_turn", "tool_use"), "ai": ("stop", "tool-calls")}
# Below the 45 s after which the gateway leaves a silent upstream by itself; how quick it is is measured elsewhere.
LEAVING_S = 40.0

PASS, FAIL, NONE = "pass", "FAIL", "none"


def png() -> bytes:
    """A picture of one red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00")) + chunk(b"IEND", b"")


PNG = png()
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
GIVEN = {
    "png": base64.b64encode(PNG).decode(),
    "pdf": base64.b64encode(PDF).decode(),
    "weather": WEATHER,
    "city": CITY,
    "schema": SCHEMA,
    "texts": list(VECTORS),
}


@dataclass(frozen=True)
class Case:
    """A column: the act, its prompts (each must come out right), and what is wrong with the way there."""

    name: str
    act: str
    prompts: tuple[str, ...] = ("plain",)
    model: str = ROUTE
    wrong_key: bool = False
    refused: bool = False


CASES = (
    Case("ask", "ask"),
    Case("stream", "stream"),
    Case("tools", "tools", ("tools",)),
    Case("tools streamed", "stream_tools", ("tools",)),
    Case("schema", "schema", ("schema",)),
    Case("image", "image"),
    Case("file", "file"),
    Case("no route", "ask", model="elsewhere"),
    Case("wrong key", "ask", wrong_key=True),
    Case("refused", "ask", refused=True),
    Case("cut", "stream", tuple(ENDS)),
    Case("cancel", "cancel", ("cancel",)),
    Case("responses", "responses"),
    Case("embeddings", "embeddings"),
    Case("count tokens", "count"),
)
# Who has a call for these. `ai` knows counts of no provider's.
CALLS = {
    "responses": ("openai", "ai/openai"),
    "embeddings": ("openai", "ai/openai"),
    "count": ("anthropic",),
}
# What no upstream of the other dialect has: the status and the words with which its caller is told.
ONLY_SAME = {
    "embeddings": (400, "Anthropic's interface has no embeddings"),
    "count tokens": (400, "it speaks no Anthropic messages"),
}


@dataclass(frozen=True)
class Cell:
    """How one case came out for one client; ``reason`` is one line unless it passed."""

    row: str
    case: str
    way: str
    state: str
    reason: str = ""


def judge(case: Case, client: str, told: dict[str, Any], way: str = "same") -> tuple[str, str]:
    """State and reason of what one act told; ``left_s`` and ``asked`` are the driver's own counts."""
    error = told.get("error")
    if way == "cross" and case.name in ONLY_SAME:
        status, words = ONLY_SAME[case.name]
        state, reason = _judge_error(status, words, client, told)
        return (NONE, f"the other dialect has no such call: {status}, {words}") if state == PASS else (state, reason)
    if case.name in WANTED_ERRORS:
        return _judge_error(*WANTED_ERRORS[case.name], client, told)
    if error:
        return FAIL, _line(f"{error['name']} {error['status']}: {error['message']}")
    if case.name == "cancel":
        return (FAIL, f"the upstream went on for {LEAVING_S:g} s") if told["left_s"] is None else (PASS, "")
    wanted = expected(case, client)
    differing = [
        f"{key} is {told.get(key)!r}, not {value!r}" for key, value in wanted.items() if told.get(key) != value
    ]
    if case.name == "stream" and told["pieces"] < len(ANSWER):
        differing.append(f"the text came in {told['pieces']} pieces, not {len(ANSWER)}")
    return (FAIL, _line("; ".join(differing))) if differing else (PASS, "")


# The status and the words of each error that must reach the caller. A cut stream has sent its status before.
WANTED_ERRORS: dict[str, tuple[int | None, str]] = {
    "no route": (404, "is no route of"),
    "wrong key": (401, "the key is missing, unknown, expired or revoked"),
    "refused": (503, "refused the connection"),
    "cut": (None, "broke off midway"),
}


def _judge_error(status: int | None, words: str, client: str, told: dict[str, Any]) -> tuple[str, str]:
    error = told.get("error")
    if not error:
        return FAIL, _line(f"nothing was raised; the caller took {told.get('text')!r} for whole")
    said = _line(f"{error['name']} {error['status']}: {error['message']}")
    if not error["library"]:
        return FAIL, f"no error of the client's own: {said}"
    if status is not None and error["status"] != status:
        return FAIL, f"not {status} but {said}"
    if words not in error["message"]:
        return FAIL, f"{words!r} does not reach the caller: {said}"
    # `ai` retries by status alone; the official SDKs read `x-should-retry`.
    if status == 503 and told["asked"] != 1 and not client.startswith("ai/"):
        return FAIL, f"the client asked {told['asked']} times although told not to"
    return PASS, ""


def expected(case: Case, client: str) -> dict[str, Any]:
    """What the caller must have in hand."""
    stop, called = STOPS[client.partition("/")[0]]
    answer: dict[str, Any] = {"text": "".join(ANSWER), "finish": stop, "usage": list(USAGE), "model": MODEL}
    if case.act in ("tools", "stream_tools"):
        calls = [["weather", {"city": city}] for city in WEATHER]
        text = "; ".join(f"{city} {told}" for city, told in WEATHER.items())
        return {**answer, "text": text, "calls": calls, "first": called}
    if case.name == "schema":
        return {"object": CLAIM, "usage": list(USAGE), "model": MODEL}
    if case.name in ("image", "file"):
        return {**answer, "text": hashlib.sha256(PNG if case.name == "image" else PDF).hexdigest()}
    if case.name == "embeddings":
        return {"vectors": list(VECTORS.values()), "tokens": USAGE[0]}
    if case.name == "count tokens":
        return {"tokens": USAGE[0]}
    return {"text": answer["text"]} if case.name == "responses" else answer


def _line(text: str) -> str:
    return " ".join(text.split())[:200]
