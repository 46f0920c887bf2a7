"""A caller's connection: its requests are answered one after the other, and it is closed when the last one is."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from http import HTTPStatus
from typing import cast

import msgspec
from uvicorn import Config
from uvicorn.server import ServerState

from .asgi_types import Answering, Header
from .caller import Caller
from .receiver import Receiver

# As in <netinet/in.h> and <netinet/tcp.h>; only egress may import socket.
IPPROTO_TCP = 6
TCP_NODELAY = 1

# An unfinished head; a body of which nothing comes; a caller who neither asks nor leaves.
HEAD_S = 10.0
BODY_S = 60.0
IDLE_S = 75.0

log = logging.getLogger(__name__)

CLOSE = b"connection: close\r\n"
STATUS_LINES = {int(status): f"HTTP/1.1 {status} {status.phrase}\r\n".encode() for status in HTTPStatus}


class HttpConnection(Receiver):
    """A caller's connection, as uvicorn's server makes them: it calls ``shutdown`` when it is to stop.

    ``beside`` are lines that a refusal has beside its own.
    """

    beside = b""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(_loop or asyncio.get_running_loop())
        self._app = cast(Answering, config.loaded_app)
        self._state = server_state
        self._tasks = server_state.tasks
        # The task that answers, and what it waits for between requests.
        self._task: asyncio.Task[None] | None = None
        self._bell: asyncio.Future[None] | None = None
        self._full = False
        # uvicorn's own headers (the date, anew each second), and as they go on the wire.
        self._dated: list[Header] = []
        self._date = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands. Chunks must not wait for an acknowledgement, which costs 40 ms each."""
        sock = transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):  # a Unix socket has no such delay
                sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self.transport = cast(asyncio.Transport, transport)
        cast("set[object]", self._state.connections).add(self)
        self._app.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone, or we closed."""
        cast("set[object]", self._state.connections).discard(self)
        self._app.connections.discard(self)
        self.transport = None
        for caller in (self._now, *self._waiting, self._reading):
            if caller is not None and not caller.left:
                caller.leave()
        self._now = None
        self._waiting.clear()
        if self._bell is not None:
            self._bell.set_result(None)
            self._bell = None

    def pause_writing(self) -> None:
        """The caller does not keep up."""
        self._full = True
        if self._now is not None:
            self._now.is_full = True

    def resume_writing(self) -> None:
        """The caller reads on."""
        self._full = False
        now = self._now
        if now is not None:
            now.is_full = False
            if now.on_room is not None:
                now.on_room()

    def shutdown(self) -> None:
        """The server is to stop: an answer in progress is the last one here."""
        if self._now is None or self._now.answered:
            self.close()
        else:
            self._answer_no_more()

    def head(self, caller: Caller, status: int) -> bytes:
        """The first lines of an answer: its status, the date, and whether this is the last one here."""
        if self._state.default_headers is not self._dated:
            self._dated = self._state.default_headers
            self._date = b"".join([b"%b: %b\r\n" % pair for pair in self._dated])
        return STATUS_LINES[status] + (self._date if caller.keep_alive else self._date + CLOSE)

    def write(self, data: bytes) -> None:
        """Bytes to the caller; nothing when it is gone."""
        if self.transport is not None:
            self.transport.write(data)

    def finished(self, caller: Caller) -> None:
        """An answer is over: the next request's turn, or the end."""
        self._state.total_requests += 1
        if not caller.keep_alive:
            self.close()
        elif caller.is_whole:
            self._next()

    def refuse(self, status: int, code: str, message: str) -> None:
        """Answers bytes that are no request we take, unless others are waiting for theirs; reads nothing after them."""
        if self._closing:
            return
        self._closing = True
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.spoil(message)
        if self._now is not None:
            self._answer_no_more()
            return
        body = msgspec.json.encode({"error": {"message": message, "type": "invalid_request_error", "code": code}})
        self.write(
            b"%bcontent-type: application/json\r\n%bx-should-retry: false\r\nconnection: close\r\ncontent-length: %d"
            b"\r\n\r\n%b" % (STATUS_LINES[status], self.beside, len(body), body)
        )
        self.close()

    def close(self) -> None:
        """Closes once what was written is out."""
        self._closing = True
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Closes at once."""
        self._closing = True
        if self.transport is not None:
            self.transport.abort()

    def is_overdue(self, now: float) -> bool:
        """Whether the caller has kept us waiting too long, for a request or for the rest of one."""
        waited = now - self._since
        if self._in_head:
            return waited > HEAD_S
        if self._now is None:
            return waited > IDLE_S
        return waited > BODY_S and not self._now.is_whole

    def _start(self, caller: Caller) -> None:
        self._now = caller
        caller.is_full = self._full
        if self._bell is not None:
            self._bell.set_result(None)
            self._bell = None
        elif self._task is None:
            self._task = task = self.loop.create_task(self._serve())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self) -> None:
        """Answers one request after the other: one task for all, as making one costs as much as reading a head."""
        try:
            while self.transport is not None:
                caller = self._now
                if caller is not None and not caller.answered:
                    try:
                        await self._app.answer(caller)
                    except Exception:
                        log.exception("a request failed inside the gateway")
                    if not caller.answered:
                        # It was given up midway: nothing that followed could be told from the rest of it.
                        self.abort()
                        return
                else:
                    self._bell = self.loop.create_future()
                    await self._bell
        except asyncio.CancelledError:
            self._bell = None
            self.abort()
            raise

    def _next(self) -> None:
        self._now = None
        self._since = self.loop.time()
        if self._waiting:
            self._start(self._waiting.popleft())
        if self.transport is not None and not self.transport.is_closing() and not self.transport.is_reading():
            self.transport.resume_reading()

    def _answer_no_more(self) -> None:
        """What is being answered is the last; what waits behind it is dropped."""
        self._waiting.clear()
        if self._now is not None:
            self._now.keep_alive = False
            if self._now.answered:
                self.close()
