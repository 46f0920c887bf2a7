"""How the pages are served: over the gateway's own door, so that what is doubtful there is refused here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import uvicorn

from switchover.errors import CallerError
from switchover.gateway.asgi_types import Message, Receive, Send
from switchover.gateway.caller import Caller, line
from switchover.gateway.connection import HttpConnection

from .security import HEADERS, Guard, Turned

# Forms are short; the longest holds a key.
MOST_BODY = 65_536
SWEEP_S = 1.0
TIDY_S = 30.0
DRAIN_S = 10

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a request's target holds after the path, and both ends of its connection (address, port)."""

    query: bytes
    peer: tuple[str, int] | None
    own: tuple[str, int] | None


class PageConnection(HttpConnection):
    """The gateway's connection, which also keeps what the gateway has no use for."""

    beside = b"".join(line(*pair) for pair in HEADERS.items())

    def on_headers_complete(self) -> None:
        """The head is whole: what follows its path is kept beside it, before anybody answers."""
        super().on_headers_complete()
        reading = self._reading
        if reading is not None:
            query = self._target.partition(b"?")[2].partition(b"#")[0]
            reading.head.read = Arrival(query, self._end("peername"), self._end("sockname"))

    def _end(self, which: str) -> tuple[str, int] | None:
        found = self.transport.get_extra_info(which) if self.transport is not None else None
        return (str(found[0]), int(found[1])) if isinstance(found, tuple) else None


class Site:
    """The pages as uvicorn's server runs them: requests as callers, the application behind them as ASGI.

    Nothing reaches ``app`` that ``guard`` turns away; every answer carries the headers of ``security``. ``tidy`` is
    called now and then, off the loop.
    """

    def __init__(
        self,
        app: Callable[[Message, Receive, Send], Awaitable[None]],
        guard: Guard,
        tidy: Callable[[], None] = lambda: None,
    ) -> None:
        self._app, self._guard, self._tidy = app, guard, tidy
        self.connections: set[HttpConnection] = set()

    async def answer(self, caller: Caller) -> None:
        """Answers one request."""
        head, arrival = caller.head, caller.head.read
        if not isinstance(arrival, Arrival):
            raise TypeError("pages are served over PageConnection")
        try:
            self._guard.check(head.method, head.path, head.headers)
            body = await caller.body(MOST_BODY)
        except Turned as turned:
            _say(caller, turned.status, str(turned))
            return
        except CallerError as error:
            _say(caller, error.http_status, str(error))
            return
        if body is None:
            return
        reply = _Reply()
        try:
            await self._app(_scope(caller, arrival, self._guard.scheme), _whole(body), reply)
        except Exception:
            log.exception("a page failed")
            _say(caller, 500, "This page failed; the log says why.")
            return
        caller.answer(reply.status, reply.lines(), bytes(reply.body))

    async def __call__(self, _scope: Message, receive: Receive, send: Send) -> None:
        """The lifespan; nothing else comes this way."""
        sweeping: asyncio.Task[None] | None = None
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                sweeping = asyncio.create_task(self._sweep())
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if sweeping is not None:
                    sweeping.cancel()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _sweep(self) -> None:
        """Closes connections whose callers keep us waiting, and tidies."""
        tidied = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(SWEEP_S)
            now = asyncio.get_running_loop().time()
            if now - tidied > TIDY_S:
                tidied = now
                await asyncio.to_thread(self._tidied)
            for connection in [one for one in self.connections if one.is_overdue(now)]:
                connection.close()

    def _tidied(self) -> None:
        try:
            self._tidy()
        except Exception:
            log.exception("tidying failed")


class _Reply:
    """What an ASGI application sends, gathered."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            self.body += message.get("body", b"")

    def lines(self) -> bytes:
        own = {name.lower() for name, _ in self.headers}
        kept = [(n, v) for n, v in self.headers if n.lower() != b"content-length"]
        every = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in own]
        return b"".join(line(name.decode("latin-1"), value.decode("latin-1")) for name, value in [*kept, *every])


def site_config(site: Site, **more: Any) -> uvicorn.Config:  # uvicorn's own settings
    """uvicorn's configuration for the pages; ``more`` overrides any of its settings."""
    settings: dict[str, Any] = {
        "http": PageConnection,
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "log_config": None,
        "timeout_graceful_shutdown": DRAIN_S,
    }
    return uvicorn.Config(site, **{**settings, **more})


def _say(caller: Caller, status: int, text: str) -> None:
    """A refusal of the door itself, in plain text."""
    kind = line("content-type", "text/plain; charset=utf-8")
    caller.answer(status, kind + PageConnection.beside, f"{text}\n".encode())


def _scope(caller: Caller, arrival: Arrival, scheme: str) -> Message:
    head = caller.head
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": head.method,
        "scheme": scheme,
        "path": head.path,
        "raw_path": head.path.encode("latin-1"),
        "query_string": arrival.query,
        "root_path": "",
        "headers": head.headers,
        "client": arrival.peer,
        "server": arrival.own,
    }


def _whole(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
