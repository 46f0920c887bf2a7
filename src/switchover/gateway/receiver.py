"""Bytes become requests: one caller's, one after the other, by the parser or by a head that is known already.

Any doubt about where a request ends closes the connection, so that nobody's bytes are taken for somebody else's
request (RFC 9112, section 11.2).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque

import httptools

from .asgi_types import Header
from .caller import Caller, CallerHead
from .same_head import SameHead

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32_768
MAX_TARGET_BYTES = 8_192
MAX_FRAMING_BYTES = 32_768
# What a head takes beside its target and its headers: method, version, separators.
HEAD_ROOM = 4 * MAX_HEADERS + 64

# Read ahead while another answer is in progress: reading on is how a caller's leaving is seen.
MAX_WAITING = 16
MAX_AHEAD_BYTES = 1_048_576


class Receiver(asyncio.Protocol, ABC):
    """The receiving half of a caller's connection; the half that answers inherits it, so that no call lies between.

    ``_start`` gets a :class:`Caller` as soon as a request's head is there and no other is being answered.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        # Being answered; waiting behind it; being received.
        self._now: Caller | None = None
        self._waiting: deque[Caller] = deque()
        self._reading: Caller | None = None
        # The head of the last request if it may come again, and what is still to come of the body behind one that did.
        self._same = SameHead()
        self._owed = 0
        # What came first of the request being read, if it came between requests.
        self._first = b""
        self._target = b""
        self._headers: list[Header] = []
        self._header_bytes = self._header_count = 0
        # Bytes received that are no body: chunk sizes, their extensions, trailers, and heads.
        self._framing = 0
        self._in_head = self._closing = False
        self._since = loop.time()

    @abstractmethod
    def _start(self, caller: Caller) -> None:
        """The turn of this request has come."""

    @abstractmethod
    def _next(self) -> None:
        """A request is whole whose answer is over: the turn of the one behind it."""

    @abstractmethod
    def _answer_no_more(self) -> None:
        """What is being answered is the last."""

    @abstractmethod
    def refuse(self, status: int, code: str, message: str) -> None:
        """These bytes are no request we take; nothing is read after them."""

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

    def _is_same(self, data: bytes) -> bool:
        """Takes a request whose head is the last one's, without the parser; False when it is for the parser."""
        same = self._same
        start = same.body_at(data)
        if not start or len(data) - start > same.length or same.head is None:
            self._first = data
            return False
        caller = Caller(self, same.head, same.length)  # type: ignore[arg-type]  # the other half is there
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
        caller = self._reading = Caller(self, head, length)  # type: ignore[arg-type]  # the other half is there
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

    def _read_later(self) -> None:
        if self.transport is not None and self.transport.is_reading():
            self.transport.pause_reading()
