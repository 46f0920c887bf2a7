"""From a request's head and body to a call that may be planned: who asks, for which process, on which route."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import time_ns

from switchover.access.keys import check_key
from switchover.dialects import DIALECTS, AnthropicMessages, OpenAIChat, OpenAIResponses, Peek
from switchover.domain.process import Process
from switchover.domain.register import Snapshot
from switchover.errors import BadRequest, CallerError, TooLarge, Unauthenticated, UnknownRoute

from .asgi_types import Receive, Scope

MAX_BODY_BYTES = 33_554_432
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32_768
PASSED = frozenset([b"anthropic-beta", b"openai-beta"])
LOOPBACK = frozenset(["127.0.0.1", "localhost", "[::1]", "testserver"])

# Seeded by the system once: os.urandom would give up the interpreter lock on every request.
IDS = random.Random()  # noqa: S311  # names, not secrets

AnyDialect = OpenAIChat | OpenAIResponses | AnthropicMessages


class Unsupported(CallerError):
    """A request body that is compressed: it could hide any size."""

    http_status = 415
    code = "unsupported_encoding"


class Misdirected(CallerError):
    """The Host header names none of our hosts."""

    http_status = 421
    code = "unknown_host"


class HeadersTooLarge(CallerError):
    """Too many headers, or too big."""

    http_status = 431
    code = "headers_too_large"


@dataclass(slots=True)
class Head:
    """What a request's headers say that matters."""

    token: str = ""
    anthropic: bool = False
    length: int = 0
    passed: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    """An admitted request. ``begun`` is monotonic, ``started_at`` Unix seconds."""

    id: str
    dialect: AnyDialect
    process: Process
    body: bytes
    peek: Peek
    passed: Mapping[str, str]
    started_at: float
    begun: float


def read_head(scope: Scope, hosts: frozenset[str]) -> Head:
    """Checks and reads the headers. Raises a CallerError for a flood, a foreign Host or a compressed body."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if len(headers) > MAX_HEADERS:
        raise HeadersTooLarge(f"more than {MAX_HEADERS} headers; send fewer")
    head = Head()
    host: bytes | None = None
    size = 0
    for name, value in headers:
        size += len(name) + len(value)
        if name == b"host":
            if host is not None:
                raise BadRequest("two Host headers; send one")
            host = value
        elif name == b"authorization":
            if value[:7].lower() == b"bearer ":
                head.token = value[7:].strip().decode("latin-1")
        elif name == b"x-api-key":
            head.token = head.token or value.decode("latin-1")
        elif name == b"anthropic-version":
            head.anthropic = True
        elif name == b"content-length":
            head.length = int(value) if value.isdigit() else 0
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise Unsupported("compressed request bodies are refused; send the body as it is")
        elif name in PASSED:
            head.passed[name.decode()] = value.decode("latin-1")
    if size > MAX_HEADER_BYTES:
        raise HeadersTooLarge(f"the headers exceed {MAX_HEADER_BYTES} bytes; send fewer")
    if host is None or _name(host.decode("latin-1")) not in hosts:
        raise Misdirected("the Host header names no host of this gateway; use the address it listens on")
    return head


def _name(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name.lower() if colon and port.isdigit() and not name.endswith(":") else host.lower()


async def read_body(receive: Receive, length: int) -> bytes | None:
    """The whole body, or None when the caller left while sending it. Raises TooLarge beyond 32 MiB."""
    if length > MAX_BODY_BYTES:
        raise TooLarge(f"the request has {length} bytes; the limit is {MAX_BODY_BYTES}")
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return body
    parts, size = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            raise TooLarge(f"the request exceeds {MAX_BODY_BYTES} bytes")
    return b"".join(parts)


def authenticate(head: Head, snapshot: Snapshot, pepper: bytes) -> Process:
    """The process the caller's key belongs to. Raises Unauthenticated."""
    key = check_key(head.token, snapshot.keys, pepper)
    process = snapshot.processes.get(key.process) if key is not None else None
    if process is None:
        raise Unauthenticated(
            "the key is missing, unknown or revoked; send a caller key made with `switchover keys create`"
        )
    return process


def routes_of(process: Process) -> tuple[str, ...]:
    """The model names callers of a process may ask for."""
    return process.routes or (process.name,)


def check_route(process: Process, model: str) -> None:
    """Raises UnknownRoute for a model that is no route of the process."""
    if model not in routes_of(process):
        raise UnknownRoute(f"{model[:100]!r} is no route of {process.name}; ask for {' or '.join(routes_of(process))}")


def new_id() -> str:
    """A new exchange id: milliseconds, so that ids sort by time, then 64 random bits. A name, not a secret."""
    return f"{time_ns() // 1_000_000:012x}{IDS.getrandbits(64):016x}"


def dialect_at(path: str) -> AnyDialect | None:
    """The dialect spoken at a path, or None."""
    return BY_PATH.get(path)


BY_PATH: Mapping[str, AnyDialect] = {dialect.path: dialect for dialect in DIALECTS.values()}
