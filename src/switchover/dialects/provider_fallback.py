"""A provider's own fallback, inside one answer: how it is asked for, how an answer tells of it, what it leaves behind.

Anthropic's (platform.claude.com/docs/en/build-with-claude/refusals-and-fallback): ``fallbacks`` with a beta header asks
for it; a ``fallback`` block stands where one model's output gives way to the next one's, and ``usage.iterations`` has a
``fallback_message`` of the model that served. Routers in OpenAI's format take ``models`` or ``fallbacks``
(openrouter.ai/docs/guides/routing/model-fallbacks), and tell of it by the answer's ``model`` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from .sse import FrameScanner, parse_frame

BETA = "anthropic-beta"
ASKING = "server-side-fallback-"
BLOCK = "fallback"
SERVED = "fallback_message"

_NULL = b"null"
_ANY = msgspec.json.Decoder(dict[str, Any])
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


# A field of a request, or that it is not there.
Field = msgspec.Raw | msgspec.UnsetType


def substitutes(models: Field, fallbacks: Field) -> tuple[str, ...]:
    """Of a request's fields that name other models, those that are set."""
    if models is msgspec.UNSET and fallbacks is msgspec.UNSET:
        return ()
    fields = {"models": models, "fallbacks": fallbacks}
    return tuple(name for name, value in fields.items() if value is not msgspec.UNSET and bytes(value) != _NULL)


def without_fields(body: bytes, names: tuple[str, ...]) -> bytes:
    """The request without these fields; every other field's bytes stay as they are. The body is one that was read."""
    return msgspec.json.encode({name: value for name, value in _FIELDS.decode(body).items() if name not in names})


def without_asking(headers: Mapping[str, str]) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """The headers without the betas that ask for it, and those betas as they were named."""
    value = headers.get(BETA)
    if value is None or ASKING not in value:
        return headers, ()
    kept, asking = _split(value)
    rest = {name: text for name, text in headers.items() if name != BETA}
    return ({**rest, BETA: kept} if kept else rest), asking


@lru_cache(maxsize=256)
def _split(value: str) -> tuple[str, tuple[str, ...]]:
    betas = [beta.strip() for beta in value.split(",")]
    asking = tuple(beta for beta in betas if beta.startswith(ASKING))
    return ",".join(beta for beta in betas if beta and beta not in asking), asking


def served_by(iterations: Any) -> str | None:
    """The model that served, of ``usage.iterations``; None when it is the one that was asked."""
    if not isinstance(iterations, list):
        return None
    last = next((one for one in reversed(iterations) if isinstance(one, dict) and one.get("type") == SERVED), None)
    return _text(last.get("model")) if last is not None else None


def handed_to(block_to: Any) -> str | None:
    """The model that goes on, of a fallback block's ``to``."""
    return _text(block_to.get("model")) if isinstance(block_to, dict) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def without_abandoned(body: bytes) -> bytes:
    """The whole answer without the tool calls that its model had begun when another one took over."""
    fields = _FIELDS.decode(body)
    blocks = msgspec.json.decode(fields["content"], type=list[msgspec.Raw])
    kinds = [msgspec.json.decode(block, type=dict[str, Any]).get("type") for block in blocks]
    last = max((at for at, kind in enumerate(kinds) if kind == BLOCK), default=-1)
    kept = [block for at, block in enumerate(blocks) if at > last or kinds[at] != "tool_use"]
    if len(kept) == len(blocks):
        return body
    return msgspec.json.encode({**fields, "content": kept})


def frames_without_abandoned(frames: bytes) -> bytes:
    """The same of a whole stream. Blocks behind them get the numbers that follow, since clients count on that."""
    parts = [(frame, *_event(frame)) for frame in FrameScanner(limit=len(frames) + 1).feed(frames)]
    started = [(event["index"], _kind(event)) for _, name, event in parts if name == b"content_block_start"]
    last = max((at for at, (_, kind) in enumerate(started) if kind == BLOCK), default=-1)
    kept = [index for at, (index, kind) in enumerate(started) if at > last or kind != "tool_use"]
    place = {index: at for at, index in enumerate(kept)}
    out: list[bytes] = []
    for frame, name, event in parts:
        if "index" not in event or place.get(event["index"]) == event["index"]:
            out.append(frame)
        elif event["index"] in place:
            moved = msgspec.json.encode({**event, "index": place[event["index"]]})
            out.append(b"event: %b\ndata: %b\n\n" % (name, moved))
    return b"".join(out)


def _event(frame: bytes) -> tuple[bytes, dict[str, Any]]:
    name, data = parse_frame(frame)
    return name, _ANY.decode(data) if data else {}


def _kind(event: Mapping[str, Any]) -> Any:
    return event["content_block"].get("type")
