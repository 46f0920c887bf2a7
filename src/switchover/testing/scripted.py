"""An upstream that plays byte scripts over loopback: what a provider might send, exactly when and how."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType

# A step of a script: bytes to write, seconds to wait, what to wait for until it is true, or a word.
Step = bytes | float | str | Callable[[], bool]
Script = Sequence[Step]
CLOSE = "close"
RESET = "reset"
HANG = "hang"
# Seconds; it ends what hangs and measures nothing.
ENOUGH_S = 60.0

REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 529: "Overloaded"}


@dataclass(slots=True)
class Seen:
    """One request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes
    left: asyncio.Event = field(default_factory=asyncio.Event)


def reply(body: bytes, *, status: int = 200, kind: str = "application/json", more: str = "") -> bytes:
    """A whole response with a length."""
    head = f"HTTP/1.1 {status} {REASONS.get(status, 'Said')}\r\ncontent-type: {kind}\r\n{more}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def stream(*steps: Step, end: bool = True) -> list[Step]:
    """An event stream in chunked encoding; each step of bytes is one chunk. Without ``end`` it is cut."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    out: list[Step] = [head]
    out += [b"%x\r\n%b\r\n" % (len(step), step) if isinstance(step, bytes) else step for step in steps if step]
    return [*out, b"0\r\n\r\n"] if end else out


class ScriptedServer:
    """Serves the script that ``choose`` returns for each request, in a thread of its own; sockets only on loopback.

    ``choose(number, seen)`` gets the number of the request, from 0. ``seen`` keeps every request. ``departures`` counts
    callers who left before their script was over. With ``tls`` it speaks TLS. Use as a context manager; ``url`` has no
    path.
    """

    def __init__(
        self,
        choose: Callable[[int, Seen], Script] | Script,
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._tls, self.host, self.port = tls, host, port
        self._choose = choose if callable(choose) else lambda number, seen: choose
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.seen: list[Seen] = []
        self.connections = 0
        self.departures = 0
        self.departed = threading.Event()
        self.url = ""

    def play(self, choose: Callable[[int, Seen], Script] | Script) -> None:
        """Another script from now on, counted from 0."""
        self.seen = []
        self._choose = choose if callable(choose) else lambda number, seen: choose

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(ENOUGH_S)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(ENOUGH_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ENOUGH_S)
        self._loop.close()

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        host = f"[{self.host}]" if ":" in self.host else self.host
        self.url = f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
            if task is not None:
                self._tasks.discard(task)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; True when the connection may carry another."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        seen = Seen(head[0], headers, body)
        self.seen.append(seen)
        script = self._choose(len(self.seen) - 1, seen)
        playing = asyncio.ensure_future(self._play(script, writer))
        watching = asyncio.ensure_future(reader.read(1))
        done, _ = await asyncio.wait({playing, watching}, return_when=asyncio.FIRST_COMPLETED)
        if playing not in done or isinstance(playing.exception(), ConnectionError):
            playing.cancel()
            self.departures += 1
            self.departed.set()
            return False
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return playing.result()

    async def _play(self, script: Script, writer: asyncio.StreamWriter) -> bool:
        for step in script:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            elif isinstance(step, float | int):
                await asyncio.sleep(step)
            elif callable(step):
                while not step():  # noqa: ASYNC110  # it comes true in another thread
                    await asyncio.sleep(0.005)
            elif step == HANG:
                await asyncio.Event().wait()
            elif step == RESET:
                writer.transport.abort()
                return False
            else:
                return False
        return True
