"""One request, and the way back to who asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from switchover.errors import BadRequest, TooLarge

from .asgi_types import Header

if TYPE_CHECKING:
    from .connection import HttpConnection

# What a caller may still send after we have answered before it was done.
MAX_IGNORED_BYTES = 67_108_864

NO_BREAKS = {ord(character): None for character in "\r\n\0"}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def line(name: str, value: str) -> bytes:
    """One header as it goes on the wire; what would start another one is left out of its value."""
    return f"{name}: {value.translate(NO_BREAKS)}\r\n".encode("latin-1", "replace")


class CallerHead:
    """What a request says before its body, or said before: of a head that is known again only the length may differ,
    and :attr:`Caller.length` has it. ``read`` is for whoever reads the headers: what was made of them.
    """

    __slots__ = ("headers", "method", "path", "read")

    def __init__(self, method: str, path: str, headers: list[Header]) -> None:
        self.method, self.path, self.headers = method, path, headers
        self.read: object = None


class Caller:
    """One request and the way back to who asked.

    ``on_left`` is called once if the caller leaves before the answer is over. ``is_full`` while it does not keep up;
    ``on_room`` is called when it has read on. Header names are in lower case. ``length`` is what the head says of the
    body, 0 when it says nothing; ``size`` how much of it has come; ``is_whole`` whether all has.
    """

    __slots__ = (
        "_begun",
        "_connection",
        "_parts",
        "_spoilt",
        "_waiter",
        "answered",
        "chunked",
        "head",
        "is_full",
        "is_whole",
        "keep_alive",
        "left",
        "length",
        "on_left",
        "on_room",
        "size",
    )

    def __init__(self, connection: HttpConnection, head: CallerHead, length: int = 0) -> None:
        self.head, self.length = head, length
        self.keep_alive = self.chunked = True
        self.left = self.answered = self.is_full = False
        self.on_left: Callable[[], None] | None = None
        self.on_room: Callable[[], None] | None = None
        self._connection = connection
        self._parts: list[bytes] = []
        self.size = 0
        self.is_whole = False
        self._spoilt = ""
        self._waiter: asyncio.Future[None] | None = None
        self._begun = b""

    async def body(self, most: int) -> bytes | None:
        """The whole body, or None when the caller left while sending it.

        Raises TooLarge beyond ``most`` bytes, and BadRequest when its framing is broken.
        """
        if self.length > most:
            raise TooLarge(f"the request has {self.length} bytes; the limit is {most}")
        if not self.is_whole:
            if not self.size and (b"expect", b"100-continue") in self.head.headers:
                self._connection.write(CONTINUE)
            while not self.is_whole and self.size <= most:
                if self._spoilt:
                    raise BadRequest(self._spoilt)
                if self.left:
                    return None
                self._waiter = self._connection.loop.create_future()
                await self._waiter
        if self.size > most:
            self.keep_alive = False
            raise TooLarge(f"the request exceeds {most} bytes")
        parts = self._parts
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def answer(self, status: int, lines: bytes, body: bytes) -> None:
        """Sends a whole answer in one write. ``lines`` are its headers, each made by :func:`line`."""
        head = self._connection.head(self, status)
        sent = b"" if self.head.method == "HEAD" else body
        self._connection.write(b"%b%bcontent-length: %d\r\n\r\n%b" % (head, lines, len(body), sent))
        self._over()

    def begin(self, status: int, lines: bytes) -> None:
        """The head of a streamed answer; it goes out with the first bytes."""
        framing = CHUNKED if self.chunked else b""
        self._begun = b"%b%b%b\r\n" % (self._connection.head(self, status), lines, framing)

    def write(self, data: bytes) -> None:
        """Part of a streamed answer."""
        data = b"%b%x\r\n%b\r\n" % (self._begun, len(data), data) if self.chunked else self._begun + data
        self._begun = b""
        transport = self._connection.transport
        if transport is not None:
            transport.write(data)

    def end(self, data: bytes = b"") -> None:
        """The last part, and the end."""
        if self.chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data) + LAST_CHUNK if data else LAST_CHUNK
        self._connection.write(self._begun + data)
        self._begun = b""
        self._over()

    def cut(self) -> None:
        """Closes the connection: what was sent can't be brought to a good end."""
        self._connection.abort()

    def take(self, data: bytes) -> None:
        """Part of the body; what comes after the answer is passed over."""
        self.size += len(data)
        if self.answered:
            if self.size > MAX_IGNORED_BYTES:
                self.cut()
            return
        self._parts.append(data)
        if self._waiter is not None:
            self._wake()

    def take_end(self) -> None:
        """The body is whole."""
        self.is_whole = True
        if self._waiter is not None:
            self._wake()

    def spoil(self, why: str) -> None:
        """The rest of the body can't be told from what follows it: this request is the last one here."""
        self._spoilt, self.keep_alive = why, False
        self._wake()

    def leave(self) -> None:
        """The connection is gone."""
        self.left = True
        self._wake()
        if self.on_left is not None and not self.answered:
            self.on_left()

    def _over(self) -> None:
        self.answered = True
        self.on_left = self.on_room = None
        self._connection.finished(self)

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
