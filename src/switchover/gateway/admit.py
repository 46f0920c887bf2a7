"""From a request's head and body to a call that may be planned: who asks, for which process, on which route."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from time import time_ns
from typing import TYPE_CHECKING

from switchover.access.keys import check_key
from switchover.clock import Clock
from switchover.dialects import DIALECTS, AnthropicMessages, OpenAIChat, OpenAIResponses, Peek
from switchover.dialects.side import SIDE
from switchover.domain.process import DataClass, Process
from switchover.domain.register import Snapshot
from switchover.errors import BadRequest, CallerError, Unauthenticated, UnknownRoute

from .asgi_types import Header
from .trace import Trace

if TYPE_CHECKING:
    from .spending import Spending

MAX_BODY_BYTES = 33_554_432
PASSED = frozenset([b"anthropic-beta", b"openai-beta"])
# Of which a second one could say something else than the first.
SINGLE = (b"host", b"authorization", b"x-api-key", b"content-encoding", b"content-length", b"x-switchover-deadline")
DEADLINE = b"x-switchover-deadline"
# Python's SDKs of OpenAI and Anthropic send the first, Anthropic's the second too, JavaScript's the second alone.
SDK_TIMEOUTS = (b"x-stainless-read-timeout", b"x-stainless-timeout")
# Kept of a caller's deadline for the way back: the watch over deadlines looks every 50 ms.
RESERVE_S = 0.25
RESERVE_SHARE = 0.2
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


@dataclass(slots=True)
class Head:
    """What a request's headers say that matters.

    ``known`` is the door's: under a snapshot, whose process, until when, and on whose account.
    """

    token: bytes
    anthropic: bool
    passed: Mapping[str, str]
    patience: float
    known: tuple[Snapshot, Process, float | None, str] | None = None

    @property
    def account(self) -> str:
        """The account of the caller's key, once the door knows it."""
        return self.known[3] if self.known is not None else ""


@dataclass(slots=True)
class Call:
    """An admitted request. ``begun`` is monotonic, ``started_at`` Unix seconds.

    ``patience``: so many seconds from ``begun`` the caller waits for an answer to begin; inf when nothing is said.
    ``trace`` is None where there is no tracing. ``data`` is the class of what was found in it, where that is above the
    process's own. ``spending``: what is reserved for it and not settled yet. ``key``: the account of the caller's key.
    """

    id: str
    dialect: AnyDialect
    process: Process
    body: bytes
    peek: Peek
    passed: Mapping[str, str]
    started_at: float
    begun: float
    patience: float = math.inf
    trace: Trace | None = None
    data: DataClass | None = None
    spending: list[Spending] = field(default_factory=list)
    key: str = ""

    @property
    def deadline(self) -> float:
        """When, on the monotonic clock, the caller must have been answered; leaves time to say that there is none."""
        if self.patience == math.inf:
            return math.inf
        return self.begun + self.patience - min(RESERVE_S, self.patience * RESERVE_SHARE)


def read_head(headers: list[Header], hosts: frozenset[str]) -> Head:
    """Checks and reads the headers. Raises a CallerError for a foreign Host or a compressed body."""
    fields = dict(headers)
    if len(fields) != len(headers):
        _check_single([name for name, _ in headers])
    host = fields.get(b"host")
    if host is None or _name(host.decode("latin-1")) not in hosts:
        raise Misdirected("the Host header names no host of this gateway; use the address it listens on")
    if fields.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Unsupported("compressed request bodies are refused; send the body as it is")
    token = fields.get(b"authorization", b"")
    token = token[7:].strip() if token[:7].lower() == b"bearer " else fields.get(b"x-api-key", b"")
    return Head(
        token,
        b"anthropic-version" in fields,
        {name.decode(): fields[name].decode("latin-1") for name in PASSED if name in fields},
        _patience(fields),
    )


def _patience(fields: Mapping[bytes, bytes]) -> float:
    """How long the caller waits for an answer to begin: its own word, else its SDK's timeout, else inf."""
    said = fields.get(DEADLINE)
    if said is not None:
        seconds = _seconds(said)
        if not math.isfinite(seconds):
            raise BadRequest(f"{DEADLINE.decode()} is no number of seconds; send one such as 12.5, or none")
        return max(seconds, 0.0)
    for name in SDK_TIMEOUTS:
        said = fields.get(name)
        # Without a timeout an SDK sends a word; JavaScript's rounds down, so that 0 is less than a second.
        if said is not None and 0.0 < (seconds := _seconds(said)) < math.inf:
            return seconds
    return math.inf


def _seconds(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _check_single(names: list[bytes]) -> None:
    for name in SINGLE:
        if names.count(name) > 1:
            raise BadRequest(f"two {name.decode()} headers; send one")


def _name(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name.lower() if colon and port.isascii() and port.isdigit() and not name.endswith(":") else host.lower()


class Door:
    """Knows whose a caller key is. What it has checked once it remembers, by a keyed hash, while the register stands
    and the key has not ended.

    HMAC by OpenSSL costs more than the rest of admission (30 us with cold caches against 2 for BLAKE2b).
    """

    def __init__(self, pepper: bytes, clock: Clock) -> None:
        self._pepper, self._clock = pepper, clock
        self._snapshot: Snapshot | None = None
        self._checked: dict[bytes, tuple[Process, float | None, str]] = {}

    def process_of(self, head: Head, snapshot: Snapshot) -> Process:
        """The process the caller's key belongs to. Raises Unauthenticated."""
        known = head.known
        # Most keys have no end: only for those that do is the clock asked.
        if known is not None and known[0] is snapshot and (known[2] is None or self._clock.now() < known[2]):
            return known[1]
        if snapshot is not self._snapshot:
            self._snapshot, self._checked = snapshot, {}
        seen = blake2b(head.token, digest_size=32, key=self._pepper).digest()
        found = self._checked.get(seen)
        if found is None or (found[1] is not None and self._clock.now() >= found[1]):
            self._checked.pop(seen, None)
            found = self._checked[seen] = self._check(head.token.decode("latin-1"), snapshot)
        head.known = snapshot, *found
        return found[0]

    def _check(self, token: str, snapshot: Snapshot) -> tuple[Process, float | None, str]:
        key = check_key(token, snapshot.keys, self._pepper, self._clock.now())
        process = snapshot.processes.get(key.process) if key is not None else None
        if key is None or process is None:
            raise Unauthenticated(
                "the key is missing, unknown, expired or revoked; send a caller key made with `switchover keys create`"
            )
        return process, None if key.ends_at == math.inf else key.ends_at, key.account


def routes_of(process: Process) -> tuple[str, ...]:
    """The model names callers of a process may ask for."""
    return process.routes or (process.name,)


def check_route(process: Process, model: str) -> None:
    """Raises UnknownRoute for a model that is no route of the process."""
    names = process.routes or (process.name,)
    if model not in names:
        raise UnknownRoute(f"{model[:100]!r} is no route of {process.name}; ask for {' or '.join(names)}")


def new_id() -> str:
    """A new exchange id: milliseconds, so that ids sort by time, then 64 random bits. A name, not a secret."""
    return f"{time_ns() // 1_000_000:012x}{IDS.getrandbits(64):016x}"


def dialect_at(path: str) -> AnyDialect | None:
    """The dialect spoken at a path, or None."""
    return BY_PATH.get(path)


# Every wire format, by its name.
FORMATS: Mapping[str, AnyDialect] = {**DIALECTS, **SIDE}
BY_PATH: Mapping[str, AnyDialect] = {dialect.path: dialect for dialect in FORMATS.values() if dialect.path}
