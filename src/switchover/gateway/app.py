"""HTTP in and out; decides nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from switchover.dialects import DIALECTS
from switchover.errors import CallerError, SwitchoverError, UnknownRoute

from .admit import AnyDialect, authenticate, dialect_at, read_head, routes_of
from .asgi_types import App, Receive, Scope, Send
from .handle import Gateway
from .refuse import refusal
from .relay import JSON, Header, Sent, send_error, send_whole

TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")


class WrongMethod(CallerError):
    """The path exists, the method does not."""

    http_status = 405
    code = "method_not_allowed"


def asgi(gateway: Gateway, *, on_stop: Callable[[], Awaitable[None]] | None = None) -> App:
    """The gateway as a bare ASGI application, with its lifespan. ``on_stop`` is awaited after the last request."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            dialect = dialect_at(scope["path"])
            if dialect is not None and scope["method"] == "POST":
                await gateway.handle(scope, receive, send, dialect)
            else:
                await _small(gateway, scope, send, dialect)
        elif kind == "lifespan":
            await _lifespan(gateway, receive, send, on_stop)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1008})

    return app


async def _lifespan(
    gateway: Gateway, receive: Receive, send: Send, on_stop: Callable[[], Awaitable[None]] | None
) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await gateway.source.start()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await gateway.source.stop()
            if on_stop is not None:
                await on_stop()
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _small(gateway: Gateway, scope: Scope, send: Send, dialect: AnyDialect | None) -> None:
    """Everything but a question to a model. Denied by default: what is not listed here does not exist."""
    path, spoken = scope["path"], dialect or DIALECTS["openai_chat"]
    headers: list[Header] = []
    try:
        head = read_head(scope, gateway.hosts)
        if head.anthropic:
            spoken = DIALECTS["anthropic_messages"]
        if dialect is not None:
            raise WrongMethod(f"{path} takes POST")
        if scope["method"] != "GET":
            raise UnknownRoute(f"there is nothing at {scope['method']} {path[:100]}")
        if path in OPEN:
            status, kind, body = OPEN[path](gateway)
        elif path == "/v1/models" or path.startswith("/v1/models/"):
            names = routes_of(authenticate(head, gateway.source.current, gateway.pepper))
            status, kind, body = 200, JSON, _models(spoken, names, path.removeprefix("/v1/models").lstrip("/"))
        else:
            raise UnknownRoute(f"there is nothing at {path[:100]}")
    except SwitchoverError as error:
        refused = refusal(error)
        await send_error(send, Sent(refused.status), spoken, refused, None, headers)
        return
    await send_whole(send, Sent(status), body, [kind])


def _models(dialect: AnyDialect, names: tuple[str, ...], one: str) -> bytes:
    """The routes a caller may name; with ``one``, that one alone."""
    if not one:
        return dialect.models_page(names)
    if one not in names:
        raise UnknownRoute(f"{one[:100]!r} is no route of this key's process")
    return msgspec.json.encode(msgspec.json.decode(dialect.models_page([one]))["data"][0])


def _alive(gateway: Gateway) -> tuple[int, Header, bytes]:
    return 200, TEXT, b"ok\n"


def _ready(gateway: Gateway) -> tuple[int, Header, bytes]:
    """Always ready to answer; says what is degraded."""
    snapshot, spool = gateway.source.current, gateway.spool
    degraded = [] if spool.healthy else [f"recording: the spool is not healthy, {spool.gaps} records lost"]
    degraded += [f"{name}: its baseline is lost" for name in snapshot.baseline_lost]
    return 200, JSON, msgspec.json.encode({"ready": True, "snapshot": snapshot.version, "degraded": degraded})


def _metrics(gateway: Gateway) -> tuple[int, Header, bytes]:
    lines = ["# TYPE switchover_exchanges_total counter"]
    lines += [f'switchover_exchanges_total{{outcome="{name}"}} {n}' for name, n in sorted(gateway.counts.items())]
    lines += ["# TYPE switchover_recording_gaps_total counter", f"switchover_recording_gaps_total {gateway.spool.gaps}"]
    lines += [
        "# TYPE switchover_snapshot_version gauge",
        f"switchover_snapshot_version {gateway.source.current.version}",
    ]
    return 200, TEXT, ("\n".join(lines) + "\n").encode()


OPEN: dict[str, Callable[[Gateway], tuple[int, Header, bytes]]] = {
    "/livez": _alive,
    "/readyz": _ready,
    "/metrics": _metrics,
}
