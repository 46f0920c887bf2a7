"""HTTP/1.1 as callers speak it: one connection and its requests, one after the other.

Any doubt about where a request ends closes the connection, so that nobody's bytes are taken for somebody else's
request (RFC 9112, section 11.2).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from http import HTTPStatus
from typing import cast

import httptools
import msgspec
from uvicorn import Config
from uvicorn.server import ServerState

from .asgi_types import Answering, Header
from .caller import Caller, CallerHead
from .same_head import SameHead

# As in <netinet/in.h> and <netinet/tcp.h>; only egress may import socket.
IPPROTO_TCP = 6
TCP_NODELAY = 1

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32_768
MAX_TARGET_BYTES = 8_192
MAX_FRAMING_BYTES = 32_768
# What a head takes beside its target and its headers: method, version, separators.
HEAD_ROOM = 4 * MAX_HEADERS + 64
# An unfinished head; a body of which nothing comes; a caller who neither asks nor leaves.
HEAD_S = 10.0
BODY_S = 60.0
IDLE_S = 75.0

# Read ahead while another answer is in progress: reading on is how a caller's leaving is seen.
MAX_WAITING = 16
MAX_AHEAD_BYTES = 1_048_576

log = logging.getLogger(__name__)

CLOSE = b"connection: close\r\n"
STATUS_LINES = {int(status): f"HTTP/1.1 {status} {status.phrase}\r\n".encode() for status in HTTPStatus}


class HttpConnection(asyncio.Protocol):
    """A caller's connection, as uvicorn's server makes them: it calls ``shutdown`` when it is to stop.

    The application gets a :class:`Caller` as soon as a request's head is there.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.loop = _loop or asyncio.get_running_loop()
        self._app = cast(Answering, config.loaded_app)
        self._state = server_state
        self._tasks = server_state.tasks
        self._parser = httptools.HttpRequestParser(self)
        self.transport: asyncio.Transport | None = None
        # Being answered; waiting behind it; being received.
        self._now: Caller | None = None
        self._waiting: deque[Caller] = deque()
        self._reading: Caller | None = None
        # The head of the last request if it may come again, and what is still to come of the body behind one that did.
        self._same = SameHead()
        self._owed = 0
        # What came first of the request being read, if it came between requests.
        self._first = b""
        # The task that answers, and what it waits for between requests.
        self._task: asyncio.Task[None] | None = None
        self._bell: asyncio.Future[None] | None = None
        self._target = b""
        self._headers: list[Header] = []
        self._header_bytes = self._header_count = 0
        # Bytes received that are no body: chunk sizes, their extensions, trailers, and heads.
        self._framing = 0
        self._in_head = self._closing = self._full = False
        # uvicorn's own headers (the date, anew each second), and as they go on the wire.
        self._dated: list[Header] = []
        self._date = b""
        self._since = self.loop.time()

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

    def data_received(self, data: bytes) -> None:
        """Bytes from the caller."""
        if self._closing:
            return
        if self._owed:
            data = self._take_owed(data)
            if not data:
                return
        elif self._now is None and not self._in_head and self._is_same(data):
            return
        self._framing += len(data)
        try:
            self._parser.feed_data(data)
            self._first = b""
            self._check_framing()
        except httptools.HttpParserUpgrade:
            # Not spoken here: the request is answered as it is, and nothing is read after it.
            self._closing = True
            self._answer_no_more()
        except httptools.HttpParserError:
            self.refuse(400, "bad_http", "this is no HTTP/1.1 request; send one that every parser reads alike")

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

    def _is_same(self, data: bytes) -> bool:
        """Takes a request whose head is the last one's, without the parser; False when it is for the parser."""
        same = self._same
        start = same.body_at(data)
        if not start or len(data) - start > same.length or same.head is None:
            self._first = data
            return False
        caller = Caller(self, same.head, same.length)
        self._owed = same.length - len(data) + start
        if len(data) > start:
            caller.take(data[start:])
        if self._owed:
            self._since = self.loop.time()
            self._reading = caller
        else:
            caller.take_end()
        self._start(caller)
        return True

    def _take_owed(self, data: bytes) -> bytes:
        """The rest of a body whose head was known; returns what comes behind it."""
        caller, owed = self._reading, self._owed
        self._owed = max(owed - len(data), 0)
        self._since = self.loop.time()
        if caller is not None:
            caller.take(data[:owed])
        if not self._owed:
            self.on_message_complete()
        return data[owed:]

    # -- httptools callbacks

    def on_message_begin(self) -> None:
        """A request begins."""
        self._target, self._headers = b"", []
        self._header_bytes = self._header_count = 0
        self._reading, self._in_head = None, True
        self._since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        """Part of the request's target."""
        self._target += url
        if len(self._target) > MAX_TARGET_BYTES:
            self.refuse(414, "uri_too_long", f"the request's target exceeds {MAX_TARGET_BYTES} bytes; shorten it")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; one that comes after the body counts, and is passed over."""
        self._header_bytes += len(name) + len(value)
        self._header_count += 1
        if self._header_bytes > MAX_HEADER_BYTES or self._header_count > MAX_HEADERS:
            said = f"more than {MAX_HEADERS} headers or {MAX_HEADER_BYTES} bytes of them; send fewer"
            self.refuse(431, "headers_too_large", said)
        elif self._in_head:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is whole: the request is handed over, or waits for those before it."""
        self._in_head = False
        now = self._now
        self._framing -= len(self._target) + self._header_bytes + HEAD_ROOM
        if self._closing or (now is not None and not now.keep_alive):
            return
        parser = self._parser
        version = parser.get_http_version()
        if version not in ("1.1", "1.0"):
            self.refuse(505, "bad_http", "HTTP/1.1 is spoken here")
            return
        length = 0
        for name, value in self._headers:
            if name == b"content-length":
                length = int(value)
            elif name == b"transfer-encoding" and value.lower() != b"chunked":
                self.refuse(501, "unsupported_encoding", "the only transfer coding taken is chunked")
                return
        path = self._target.partition(b"?")[0].decode("latin-1")
        head = CallerHead(parser.get_method().decode("latin-1"), path, self._headers)
        caller = self._reading = Caller(self, head, length)
        if version != "1.1":
            caller.keep_alive = caller.chunked = False
        elif not parser.should_keep_alive():
            caller.keep_alive = False
        if now is None:
            if self._first and caller.keep_alive:
                self._same.learn(self._first, head)
            self._start(caller)
        else:
            self._waiting.append(caller)
            if len(self._waiting) > MAX_WAITING:
                self._read_later()

    def on_body(self, body: bytes) -> None:
        """Part of a request's body."""
        # A byte of body pays for itself and for eight of framing: more than a chunk of one byte takes.
        self._framing -= 9 * len(body)
        if self._reading is not None:
            self._since = self.loop.time()
            self._reading.take(body)
            if self._reading is not self._now and self._reading.size > MAX_AHEAD_BYTES:
                self._read_later()

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._check_framing()
        self._framing = 0
        caller, self._reading = self._reading, None
        if caller is not None:
            caller.take_end()
            if caller.answered:
                self._next()

    def _check_framing(self) -> None:
        if self._in_head and self._framing > MAX_TARGET_BYTES + MAX_HEADER_BYTES + HEAD_ROOM:
            self.refuse(431, "headers_too_large", f"the head exceeds {MAX_HEADER_BYTES} bytes; send a smaller one")
        if self._reading is not None and self._framing > MAX_FRAMING_BYTES:
            self.refuse(400, "bad_http", "the body's chunks are more framing than body; send larger ones")

    # -- answers

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
            b"%bcontent-type: application/json\r\nx-should-retry: false\r\nconnection: close\r\ncontent-length: %d"
            b"\r\n\r\n%b" % (STATUS_LINES[status], len(body), body)
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

    def _read_later(self) -> None:
        if self.transport is not None and self.transport.is_reading():
            self.transport.pause_reading()

    def _answer_no_more(self) -> None:
        """What is being answered is the last; what waits behind it is dropped."""
        self._waiting.clear()
        if self._now is not None:
            self._now.keep_alive = False
            if self._now.answered:
                self.close()
