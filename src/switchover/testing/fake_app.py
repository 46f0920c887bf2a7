"""The fake vendor's HTTP side: key, mode, latency, answer. Bare ASGI, so that thousands of calls stay cheap."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from switchover.faults.answers import error_answer

from .fake_answers import Oracle
from .fake_side import EMBEDDINGS_PATH, TOKEN_COUNT_PATH, count, embed
from .fake_wire import CHAT, MESSAGES, PATHS, Ask, Rejected, frames, models_page, read_request, say, whole

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

# Modes in which nobody is served, and the fault whose answer they give.
ANSWERED = {
    "denied": "key-revoked",
    "forbidden": "permission-denied",
    "vanished": "model-missing",
    "overloaded": "overloaded",
    "failing": "server-error",
}
MODES = frozenset({*ANSWERED, "slow", "cut", "refused", "normal"})
SIDE = {EMBEDDINGS_PATH: embed, TOKEN_COUNT_PATH: count}
FAILURES = {500: "server-error", 529: "overloaded"}


@dataclass(slots=True)
class Control:
    """How the vendor behaves now. ``seconds`` is how late it is when slow; ``cut_at`` the share of an answer sent."""

    mode: str = "normal"
    seconds: float = 30.0
    cut_at: float = 0.5


class VendorApp:
    """The ASGI application. ``abort`` cuts the connection of a scope; ``refuse`` closes the listener for seconds."""

    def __init__(
        self,
        oracle: Oracle,
        key: str,
        *,
        models: tuple[str, ...],
        abort: Callable[[Scope], None],
        refuse: Callable[[float], None],
    ) -> None:
        self.oracle, self.control = oracle, Control()
        # When a model is shut down, by its name: told by the list of models.
        self.retires: dict[str, str] = {}
        self.served: Counter[str] = Counter()
        self._key, self._models, self._abort, self._refuse = key.encode(), models, abort, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        headers = dict(scope["headers"])
        dialect = PATHS.get(path) or (MESSAGES if b"anthropic-version" in headers else CHAT)
        side = SIDE.get(path)
        body = await _body(receive)
        if not self._knows(headers, dialect):
            await self._fail("key-revoked", dialect, send)
        elif path == "/_control":
            await self._controlled(method, body, send)
        elif self.control.mode in ANSWERED:
            await self._fail(ANSWERED[self.control.mode], dialect, send)
        elif path == "/v1/models" and method == "GET":
            await _send(send, 200, models_page(self._models, dialect == MESSAGES, self.retires))
        elif side is not None and method == "POST":
            await self._aside(side, dialect, body, receive, send)
        elif path in PATHS and method == "POST":
            await self._answer(dialect, headers, body, scope, receive, send)
        else:
            await self._reject(dialect, f"there is no {method} {path} here", send, status=404)

    def _knows(self, headers: dict[bytes, bytes], dialect: str) -> bool:
        given = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        if dialect == MESSAGES:
            given = headers.get(b"x-api-key", given)
        return hmac.compare_digest(given, self._key)

    async def _answer(
        self, dialect: str, headers: dict[bytes, bytes], body: bytes, scope: Scope, receive: Receive, send: Send
    ) -> None:
        try:
            if dialect == MESSAGES and b"anthropic-version" not in headers:
                raise Rejected("anthropic-version: header is required")
            ask = read_request(dialect, body)
        except Rejected as error:
            await self._reject(dialect, str(error), send)
            return
        drawn = self.oracle.draw(ask.text)
        late = self.control.seconds if self.control.mode == "slow" else 0.0
        if (drawn.seconds or late) and await _left(receive, drawn.seconds + late):
            self.served["left"] += 1
            return
        if drawn.failure is not None:
            await self._fail(FAILURES[drawn.failure], dialect, send)
            return
        self.served["wrong" if drawn.wrong else "answered"] += 1
        await self._write(ask, drawn.text, scope, send)

    async def _aside(
        self, make: Callable[[bytes], bytes], dialect: str, body: bytes, receive: Receive, send: Send
    ) -> None:
        """Vectors or a count, with the latency and the failures of any other call."""
        try:
            made = make(body)
        except Rejected as error:
            await self._reject(dialect, str(error), send)
            return
        drawn = self.oracle.draw("")
        late = self.control.seconds if self.control.mode == "slow" else 0.0
        if (drawn.seconds or late) and await _left(receive, drawn.seconds + late):
            self.served["left"] += 1
        elif drawn.failure is not None:
            await self._fail(FAILURES[drawn.failure], dialect, send)
        else:
            self.served["aside"] += 1
            await _send(send, 200, made)

    async def _write(self, ask: Ask, answer: str, scope: Scope, send: Send) -> None:
        # A recorded time of making, like the provider's; nothing is decided by it.
        said = say(ask, answer, time.time())
        name = b"request-id" if ask.dialect == MESSAGES else b"x-request-id"
        extra = [(name, b"req_" + said.id.encode())]
        cut = self.control.mode == "cut"
        if not ask.stream:
            body = whole(ask, said)
            await send(_start(200, b"application/json", [*extra, (b"content-length", b"%d" % len(body))]))
            parts: Iterable[bytes] = [body]
            if cut:
                parts = [body[: int(len(body) * self.control.cut_at)]]
        else:
            await send(_start(200, b"text/event-stream; charset=utf-8", extra))
            parts = frames(ask, said)
            if cut:
                sent = list(parts)
                parts = sent[: max(1, int(len(sent) * self.control.cut_at))]
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        if cut:
            # The last bytes leave before the connection does, so that the peer sees the answer break midway.
            await asyncio.sleep(0.01)
            self.served["cut"] += 1
            self._abort(scope)
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _fail(self, fault: str, dialect: str, send: Send) -> None:
        self.served[fault] += 1
        canned = error_answer(fault, dialect)
        await _send(send, canned.status, canned.body)

    async def _reject(self, dialect: str, message: str, send: Send, status: int = 400) -> None:
        self.served["rejected"] += 1
        kind = "invalid_request_error" if status == 400 or dialect == CHAT else "not_found_error"
        if dialect == MESSAGES:
            body: dict[str, object] = {"type": "error", "error": {"type": kind, "message": message}}
        else:
            body = {"error": {"message": message, "type": kind, "param": None, "code": None}}
        await _send(send, status, json.dumps(body).encode())

    async def _controlled(self, method: str, body: bytes, send: Send) -> None:
        if method == "POST":
            try:
                self.set(over_http=True, **msgspec.json.decode(body, type=dict[str, Any]))
            except (ValueError, TypeError) as error:
                await _send(send, 400, json.dumps({"error": str(error)}).encode())
                return
        said = {**asdict(self.control), "served": dict(self.served), "simulated": True}
        await _send(send, 200, json.dumps(said).encode())

    def set(self, *, over_http: bool = False, **changes: Any) -> None:
        """Changes ``mode``, ``seconds``, ``cut_at``, ``wrong``, ``latency`` or ``failures``.

        Raises ValueError for what there is not. Over HTTP ``refused`` needs its seconds: nobody could restore it.
        """
        mode = changes.get("mode", self.control.mode)
        if mode not in MODES:
            raise ValueError(f"no mode {mode!r}; there are {', '.join(sorted(MODES))}")
        if unknown := set(changes) - {"mode", "seconds", "cut_at", "wrong", "latency", "failures"}:
            raise ValueError(f"no setting {', '.join(sorted(unknown))}")
        numbers = {name: value for name, value in changes.items() if name != "mode"}
        if any(isinstance(v, bool) or not isinstance(v, int | float) or v < 0 for v in numbers.values()):
            raise ValueError("settings are numbers of at least 0")
        if mode == "refused":
            if over_http and "seconds" not in changes:
                raise ValueError("mode refused needs seconds: with the listener closed, no call can restore it")
            self._refuse(float(changes.get("seconds", 0.0)))
            return
        self.control.mode = mode
        for name, value in numbers.items():
            setattr(self.control if hasattr(self.control, name) else self.oracle, name, float(value))


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _left(receive: Receive, seconds: float) -> bool:
    """Waits; True as soon as the caller has gone."""
    if seconds < 1.0:
        await asyncio.sleep(seconds)
        return False
    try:
        await asyncio.wait_for(receive(), seconds)
    except TimeoutError:
        return False
    return True


def _start(status: int, kind: bytes, extra: list[Header]) -> MutableMapping[str, Any]:
    headers = [(b"content-type", kind), (b"x-simulated-vendor", b"true"), *extra]
    return {"type": "http.response.start", "status": status, "headers": headers}


async def _send(send: Send, status: int, body: bytes) -> None:
    await send(_start(status, b"application/json", [(b"content-length", b"%d" % len(body))]))
    await send({"type": "http.response.body", "body": body})
