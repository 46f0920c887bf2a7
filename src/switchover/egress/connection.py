"""One HTTP/1.1 connection: bytes in, one answer at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from switchover.errors import Cut, Malformed, Reset

from .answer import HttpAnswer

MAX_HEADERS = 200
MAX_HEADER_BYTES = 65_536
# Informational answers before the one that counts; each may keep a request waiting.
MAX_INFORMATIONAL = 16
# Anthropic's own body limit is 32 MB; twice that leaves room for answers with images and still bounds memory.
MAX_BODY_BYTES = 64 * 1024 * 1024


class Connection(asyncio.Protocol):
    """Carries one request at a time; ``release`` is called when it may carry another.

    Any doubt about framing (bytes after an answer's end, two answers to one request) closes the connection, so that an
    answer can never reach somebody else's request.
    """

    def __init__(self, release: Callable[[Connection], None]) -> None:
        self._release = release
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self.loop = asyncio.get_running_loop()
        self.closed = False
        self.began = False
        # What has come of an answer's head.
        self._head = b""
        self._informational = 0
        self.idle_since = 0.0
        self.answer: HttpAnswer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast(asyncio.Transport, transport)

    def send(self, data: bytes) -> HttpAnswer:
        """Writes one whole request and returns the answer to come."""
        self.began = False
        self._head = b""
        self._informational = 0
        self.answer = answer = HttpAnswer(self)
        if self.closed or self._transport is None:
            answer.fail(Reset("the connection was closed"))
        else:
            self._transport.write(data)
        return answer

    def data_received(self, data: bytes) -> None:
        """Bytes from the upstream; a transport that breaks the format is cut."""
        answer = self.answer
        if answer is None:
            self.abort()
            return
        self.began = True
        if not answer.status:
            self._head = self._head + data if self._head else data
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._malformed(answer)
        if not answer.status and len(self._head) > MAX_HEADER_BYTES:
            self._malformed(answer)

    def _malformed(self, answer: HttpAnswer) -> None:
        answer.fail(Malformed("the upstream's answer is not HTTP/1.1", fault="header-flood"))
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone: what was not finished is cut, unless its end was to be the connection's."""
        self.closed = True
        answer, self.answer = self.answer, None
        if answer is None or answer.complete:
            return
        if answer.status and not answer.framed and exc is None:
            answer.finish()
        elif answer.status:
            answer.fail(Cut("the upstream broke off its answer", fault="reset-midway"))
        else:
            answer.fail(Reset("the upstream closed the connection without an answer"))

    def eof_received(self) -> bool:
        """Nothing more will come: close our side too."""
        return False

    # -- httptools callbacks

    def on_message_begin(self) -> None:
        """An answer nobody asked for: whose it is can't be known."""
        if self.answer is None:
            self.abort()

    def on_headers_complete(self) -> None:
        """The head is whole; informational ones are passed over. Too many headers, or too big ones, end the parse."""
        answer, status, head = self.answer, self._parser.get_status_code(), self._head
        if answer is None:
            return
        end = head.find(b"\r\n\r\n")
        if not 0 < end <= MAX_HEADER_BYTES or head.count(b"\r\n", 0, end) > MAX_HEADERS:
            raise ValueError("too many headers")
        # The parser passes over empty lines before a head, and takes other versions and numbers than there are.
        if not head.startswith(b"HTTP/1.") or not 100 <= status < 600:
            raise ValueError("no head of HTTP/1")
        if status >= 200:
            self._head = b""
            answer.take_head(status, head[:end])
        elif self._informational < MAX_INFORMATIONAL:
            self._informational += 1
            self._head = head[end + 4 :]
        else:
            raise ValueError("too many informational answers")

    def on_body(self, data: bytes) -> None:
        """Part of the body."""
        answer = self.answer
        if answer is None:
            return
        answer.total += len(data)
        if answer.total > MAX_BODY_BYTES:
            answer.fail(Malformed(f"the answer exceeds {MAX_BODY_BYTES} bytes", fault="frame-too-big"))
            self.abort()
        elif answer.take is not None:
            answer.take(data)
        else:
            answer.keep(data)

    def on_message_complete(self) -> None:
        """The answer is whole: the connection may serve again if the upstream lets it."""
        answer = self.answer
        if answer is None or not answer.status:
            return
        self.answer = None
        answer.finish()
        # False too when only the connection's end told the body's.
        if self._parser.should_keep_alive() and not self.closed:
            self.resume()
            self._release(self)
        else:
            self.close()

    # -- flow

    def pause(self) -> None:
        """Stops reading until :meth:`resume`."""
        if self._transport is not None and not self.closed:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Reads on."""
        if self._transport is not None and not self.closed and not self._transport.is_reading():
            self._transport.resume_reading()

    def close(self) -> None:
        """Closes in good order."""
        self.closed = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Closes at once: the upstream sees it and can stop working."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()
