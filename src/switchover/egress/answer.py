"""One HTTP answer as it arrives: waited for, taken whole, in chunks, or poured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING

from switchover.errors import Cut, UpstreamError

if TYPE_CHECKING:
    from .connection import Connection

# Reading pauses while more than this waits to be taken.
PAUSE_ABOVE = 262_144


class HttpAnswer:
    """An answer as it arrives; see :class:`~switchover.domain.ports.Answer`.

    The connection hands the body to ``take`` where there is one, else to :meth:`keep`; ``total`` counts its bytes.
    """

    __slots__ = (
        "_buffer",
        "_connection",
        "_fields",
        "_head",
        "_over",
        "_paused",
        "_size",
        "_waiter",
        "complete",
        "error",
        "status",
        "take",
        "total",
    )

    def __init__(self, connection: Connection) -> None:
        self.status = 0
        self.complete = False
        self._head = b""
        self._fields: dict[str, str] | None = None
        self._connection = connection
        self._buffer: list[bytes] = []
        self._size = self.total = 0
        self._paused = False
        self.error: UpstreamError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.take: Callable[[bytes], None] | None = None
        self._over: Callable[[UpstreamError | None], None] | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case; repeated ones joined by a comma (RFC 9110, section 5.3)."""
        if self._fields is None:
            self._fields = {}
            for row in self._head.decode("latin-1").split("\r\n")[1:]:
                name, _, value = row.partition(":")
                key, text = name.lower(), value.strip(" \t")
                self._fields[key] = f"{self._fields[key]}, {text}" if key in self._fields else text
        return self._fields

    @property
    def head(self) -> bytes:
        """Status line and header lines as they came."""
        return self._head

    @property
    def framed(self) -> bool:
        """Whether the body's end is told by something else than the connection's."""
        return "content-length" in self.headers or "transfer-encoding" in self.headers or self.status == 204

    def take_head(self, status: int, head: bytes) -> None:
        """The head is whole: its lines, without the empty one behind them. They are read when somebody asks."""
        self.status, self._head = status, head
        if self._waiter is not None:
            self._wake()

    def keep(self, data: bytes) -> None:
        """Part of the body that nobody takes yet; reading pauses while too much of it waits."""
        self._buffer.append(data)
        self._size += len(data)
        if self._size > PAUSE_ABOVE:
            self.pause()
        if self._waiter is not None:
            self._wake()

    def finish(self) -> None:
        """The body came to its proper end."""
        self.complete = True
        if self._over is not None:
            self._over(None)
        if self._waiter is not None:
            self._wake()

    def fail(self, error: UpstreamError) -> None:
        """Whoever waits gets this error, after the bytes that did arrive."""
        if self.error is None and not self.complete:
            self.error = error
            if self._over is not None:
                self._over(error)
            self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def news(self) -> asyncio.Future[None]:
        """Done at the head, at more of the body, at its end, or when something broke it off."""
        self._waiter = waiter = self._connection.loop.create_future()
        if self.error is not None or self.complete:
            self._wake()
        return waiter

    async def whole(self, most: int) -> bytes | None:
        """The whole body, or None when it exceeds so many bytes. Raises the UpstreamError that broke it off."""
        while not self.complete:
            if self._size > most:
                return None
            if self.error is not None:
                raise self.error
            if self._paused:
                # Nobody relays this: all of it is wanted before any of it is of use.
                self.resume()
            await self.news()
        return self._emptied() if self._size <= most else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """What arrived together is handed over together."""
        while True:
            if self._buffer:
                yield self._emptied()
            elif self.complete:
                return
            elif self.error is not None:
                raise self.error
            else:
                await self.news()

    def pour(self, take: Callable[[bytes], None], over: Callable[[UpstreamError | None], None]) -> None:
        """See :class:`~switchover.domain.ports.Answer`."""
        if self._buffer:
            take(self._emptied())
        if self.complete or self.error is not None:
            over(None if self.complete else self.error)
        else:
            self.take, self._over = take, over

    def pause(self) -> None:
        """Reads no further."""
        if not self._paused:
            self._paused = True
            self._connection.pause()

    def resume(self) -> None:
        """Reads on."""
        if self._paused:
            self._paused = False
            self._connection.resume()

    def _emptied(self) -> bytes:
        data = self._buffer[0] if len(self._buffer) == 1 else b"".join(self._buffer)
        self._buffer.clear()
        self._size = 0
        self.resume()
        return data

    def close(self) -> None:
        """Ends an unfinished answer by closing its connection."""
        if not self.complete:
            self.fail(Cut("closed by us", fault="caller-left"))
            self._connection.answer = None
            self._connection.abort()
