"""How uvicorn serves the gateway: nothing it does not need, and one write where it would make two."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .asgi_types import App

# As in <netinet/in.h> and <netinet/tcp.h>; only egress may import socket.
IPPROTO_TCP = 6
TCP_NODELAY = 1


class OneWrite:
    """A transport that sends a response's head with the first bytes of its body.

    uvicorn writes them apart, which costs a system call and a packet for every answer. The gateway sends a body right
    after each head, so a head is never kept waiting.
    """

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def write(self, data: bytes) -> None:
        """Keeps a head that is alone; writes everything else behind it."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data[:9] == b"HTTP/1.1 " and data[9:12] != b"100" and data[-4:] == b"\r\n\r\n":
            self._head = data
            return
        self._transport.write(data)

    def close(self) -> None:
        """Writes what is kept, and closes."""
        if self._head:
            self.write(b"")
        self._transport.close()

    def __getattr__(self, name: str) -> Any:  # whatever else the transport has
        return getattr(self._transport, name)


class GatewayProtocol(HttpToolsProtocol):
    """uvicorn's own protocol over :class:`OneWrite`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """The connection stands. Chunks must not wait for an acknowledgement, which costs 40 ms each.

        asyncio sees to that only for sockets that name their protocol, which a listening socket handed in does not.
        """
        sock = transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):  # a Unix socket has no such delay
                sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        super().connection_made(OneWrite(transport))  # type: ignore[arg-type]  # has what uvicorn uses of a transport


def server_config(app: App, **more: Any) -> uvicorn.Config:  # uvicorn's own settings
    """uvicorn's configuration for a gateway worker; ``more`` overrides any of its settings.

    Open streams have 30 s to finish after SIGTERM. Neither access log nor proxy headers: the exchange is the log, and
    who calls is told by the key.
    """
    settings: dict[str, Any] = {
        "http": GatewayProtocol,
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "log_level": "warning",
        "backlog": 2048,
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": 30,
    }
    return uvicorn.Config(app, **{**settings, **more})
