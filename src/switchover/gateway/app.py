"""HTTP in and out; decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from switchover.dialects import DIALECTS
from switchover.errors import CallerError, SwitchoverError, UnknownRoute

from .admit import AnyDialect, dialect_at, read_head, routes_of
from .asgi_types import Message, Receive, Send
from .caller import Caller, line
from .connection import HttpConnection
from .figures import degraded, metrics_page, own_page
from .handle import handle
from .parts import Gateway
from .refuse import refusal
from .relay import JSON, Sent, send_error

# How often callers who keep us waiting are looked for.
SWEEP_S = 1.0

TEXT = line("content-type", "text/plain; version=0.0.4; charset=utf-8")


class WrongMethod(CallerError):
    """The path exists, the method does not."""

    http_status = 405
    code = "method_not_allowed"


class App:
    """The gateway as uvicorn's server runs it: the lifespan as ASGI, requests as :class:`~.caller.Caller`.

    ``on_stop`` is awaited after the last request.
    """

    def __init__(self, gateway: Gateway, *, on_stop: Callable[[], Awaitable[None]] | None = None) -> None:
        self.gateway, self._on_stop = gateway, on_stop
        self.connections: set[HttpConnection] = set()

    def answer(self, caller: Caller) -> Awaitable[None]:
        """Answers one request."""
        dialect = dialect_at(caller.head.path)
        if dialect is not None and caller.head.method == "POST":
            return handle(self.gateway, caller, dialect)
        return _small(self.gateway, caller, dialect)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """The lifespan; nothing else comes this way."""
        if scope["type"] != "lifespan":
            raise RuntimeError("requests come as callers; serve the gateway with server_config")
        sweeping: asyncio.Task[None] | None = None
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.gateway.source.start()
                await self.gateway.neighbours.start(
                    lambda: own_page(self.gateway), lambda: self.gateway.source.current.version
                )
                await self.gateway.pulse.start()
                await self.gateway.budgets.start()
                if self.gateway.tracer is not None:
                    await self.gateway.tracer.start()
                sweeping = asyncio.create_task(self._sweep())
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if sweeping is not None:
                    sweeping.cancel()
                if self.gateway.tracer is not None:
                    await self.gateway.tracer.stop()
                await self.gateway.budgets.stop()
                await self.gateway.pulse.stop()
                await self.gateway.neighbours.stop()
                await self.gateway.source.stop()
                await self.gateway.kept.close()
                if self._on_stop is not None:
                    await self._on_stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _sweep(self) -> None:
        """Closes connections whose callers keep us waiting."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now = asyncio.get_running_loop().time()
            for connection in [one for one in self.connections if one.is_overdue(now)]:
                connection.close()


async def _small(gateway: Gateway, caller: Caller, dialect: AnyDialect | None) -> None:
    """Everything but a question to a model. Denied by default: what is not listed here does not exist."""
    path, spoken = caller.head.path, dialect or DIALECTS["openai_chat"]
    try:
        head = read_head(caller.head.headers, gateway.hosts)
        if head.anthropic:
            spoken = DIALECTS["anthropic_messages"]
        if dialect is not None:
            raise WrongMethod(f"{path} takes POST")
        if caller.head.method != "GET":
            raise UnknownRoute(f"there is nothing at {caller.head.method} {path[:100]}")
        if path in OPEN:
            status, kind, body = OPEN[path](gateway)
        elif path == "/v1/models" or path.startswith("/v1/models/"):
            names = routes_of(gateway.door.process_of(head, gateway.source.current))
            status, kind, body = 200, JSON, _models(spoken, names, path.removeprefix("/v1/models").lstrip("/"))
        else:
            raise UnknownRoute(f"there is nothing at {path[:100]}")
    except SwitchoverError as error:
        refused = refusal(error)
        send_error(caller, Sent(refused.status), spoken, refused, None, b"")
        if gateway.teller is not None:
            gateway.teller.refused(spoken.name, refused)
        return
    caller.answer(status, kind, body)


def _models(dialect: AnyDialect, names: tuple[str, ...], one: str) -> bytes:
    """The routes a caller may name; with ``one``, that one alone."""
    if not one:
        return dialect.models_page(names)
    if one not in names:
        raise UnknownRoute(f"{one[:100]!r} is no route of this key's process")
    return msgspec.json.encode(msgspec.json.decode(dialect.models_page([one]))["data"][0])


def _alive(gateway: Gateway) -> tuple[int, bytes, bytes]:
    return 200, TEXT, b"ok\n"


def _ready(gateway: Gateway) -> tuple[int, bytes, bytes]:
    """Always ready to answer; says what is degraded."""
    told = {
        "ready": True,
        "worker": gateway.neighbours.worker,
        "snapshot": gateway.source.current.version,
        "degraded": degraded(gateway),
    }
    return 200, JSON, msgspec.json.encode(told)


def _metrics(gateway: Gateway) -> tuple[int, bytes, bytes]:
    return 200, TEXT, metrics_page(gateway)


OPEN: dict[str, Callable[[Gateway], tuple[int, bytes, bytes]]] = {
    "/livez": _alive,
    "/readyz": _ready,
    "/metrics": _metrics,
}
