"""A forward proxy on loopback, as companies have them: CONNECT, with or without a login, over TCP or TLS."""

from __future__ import annotations

import asyncio
import ssl
import threading
from base64 import b64encode
from collections.abc import Mapping
from types import TracebackType

# Seconds; it ends what hangs and measures nothing.
ENOUGH_S = 60.0


class ForwardProxy:
    """Carries bytes between a caller and the port that ``hosts`` names for an origin; knows no other origin (502).

    ``login`` is the ``user:password`` it wants (else 407); ``barred`` are hosts it lets nobody through to (403);
    ``silent`` makes it take a CONNECT and say nothing. ``asked`` keeps every CONNECT as it arrived, ``open`` is how
    many tunnels stand. Runs in a thread of its own; use as a context manager.
    """

    def __init__(
        self,
        hosts: Mapping[str, int],
        *,
        login: str | None = None,
        barred: frozenset[str] = frozenset(),
        silent: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._hosts, self._login, self._barred, self._silent, self._tls = hosts, login, barred, silent, tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.asked: list[str] = []
        self.open = 0
        self.closed = threading.Event()
        self.port = 0

    def __enter__(self) -> ForwardProxy:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(ENOUGH_S)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(ENOUGH_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ENOUGH_S)
        self._loop.close()

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            await self._one(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            if task is not None:
                self._tasks.discard(task)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.asked.append(head)
        if self._silent:
            await reader.read()
            return
        host = head.split()[1].rpartition(":")[0]
        said = self._refusal(head, host)
        if said:
            writer.write(f"HTTP/1.1 {said}\r\nproxy-authenticate: Basic\r\ncontent-length: 4\r\n\r\nnope".encode())
            await writer.drain()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._hosts[host])
        writer.write(b"HTTP/1.1 200 Connection established\r\nvia: 1.1 test\r\n\r\n")
        self.open += 1
        try:
            both = [asyncio.create_task(_carry(reader, far_writer)), asyncio.create_task(_carry(far_reader, writer))]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        finally:
            far_writer.transport.abort()
            self.open -= 1
            self.closed.set()

    def _refusal(self, head: str, host: str) -> str:
        if self._login is not None:
            wanted = f"proxy-authorization: basic {b64encode(self._login.encode()).decode()}"
            if wanted.lower() not in head.lower():
                return "407 Proxy Authentication Required"
        if host in self._barred:
            return "403 Forbidden"
        return "" if host in self._hosts else "502 Bad Gateway"


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
