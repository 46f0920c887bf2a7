"""One request, and the way back to who asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from switchover.errors import TooLarge

from .asgi_types import Header

if TYPE_CHECKING:
    from .connection import HttpConnection

# What a caller may still send after we have answered before it was done.
MAX_IGNORED_BYTES = 67_108_864

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


class Caller:
    """One request and the way back to who asked.

    ``on_left`` is called once if the caller leaves before the answer is over; ``on_room`` when it reads on after
    ``is_full`` had said that it does not keep up. Header names are in lower case.
    """

    __slots__ = (
        "_connection",
        "_head",
        "_parts",
        "_size",
        "_waiter",
        "_whole",
        "answered",
        "chunked",
        "headers",
        "keep_alive",
        "left",
        "method",
        "on_left",
        "on_room",
        "path",
    )

    def __init__(self, connection: HttpConnection, method: str, path: str, headers: list[Header]) -> None:
        self.method, self.path, self.headers = method, path, headers
        self.keep_alive = self.chunked = True
        self.left = self.answered = False
        self.on_left: Callable[[], None] | None = None
        self.on_room: Callable[[], None] | None = None
        self._connection = connection
        self._parts: list[bytes] = []
        self._size = 0
        self._whole = False
        self._waiter: asyncio.Future[None] | None = None
        self._head = b""

    @property
    def is_full(self) -> bool:
        """Whether more is on its way to the caller than it reads."""
        return self._connection.is_full

    async def body(self, most: int) -> bytes | None:
        """The whole body, or None when the caller left while sending it. Raises TooLarge beyond ``most`` bytes."""
        if not self._whole and not self._size and (b"expect", b"100-continue") in self.headers:
            self._connection.write(CONTINUE)
        while not self._whole and self._size <= most:
            if self.left:
                return None
            self._waiter = self._connection.loop.create_future()
            await self._waiter
        if self._size > most:
            self.keep_alive = False
            raise TooLarge(f"the request exceeds {most} bytes")
        parts = self._parts
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def answer(self, status: int, headers: list[Header], body: bytes) -> None:
        """Sends a whole answer in one write."""
        headers.append((b"content-length", b"%d" % len(body)))
        head = self._connection.head(self, status, headers)
        self._connection.write(head if self.method == "HEAD" else head + body)
        self._over()

    def begin(self, status: int, headers: list[Header]) -> None:
        """The head of a streamed answer; it goes out with the first bytes."""
        if self.chunked:
            headers.append((b"transfer-encoding", b"chunked"))
        self._head = self._connection.head(self, status, headers)

    def write(self, data: bytes) -> None:
        """Part of a streamed answer."""
        data = b"%b%x\r\n%b\r\n" % (self._head, len(data), data) if self.chunked else self._head + data
        self._head = b""
        self._connection.write(data)

    def end(self, data: bytes = b"") -> None:
        """The last part, and the end."""
        if self.chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data) + LAST_CHUNK if data else LAST_CHUNK
        self._connection.write(self._head + data)
        self._head = b""
        self._over()

    def cut(self) -> None:
        """Closes the connection: what was sent can't be brought to a good end."""
        self._connection.abort()

    def take(self, data: bytes) -> None:
        """Part of the body; what comes after the answer is passed over."""
        self._size += len(data)
        if self.answered:
            if self._size > MAX_IGNORED_BYTES:
                self.cut()
            return
        self._parts.append(data)
        self._wake()

    def take_end(self) -> None:
        """The body is whole."""
        self._whole = True
        self._wake()

    def leave(self) -> None:
        """The connection is gone."""
        self.left = True
        self._wake()
        if self.on_left is not None and not self.answered:
            self.on_left()

    @property
    def is_whole(self) -> bool:
        """Whether the request was received to its end."""
        return self._whole

    def _over(self) -> None:
        self.answered = True
        self.on_left = self.on_room = None
        self._connection.finished(self)

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
