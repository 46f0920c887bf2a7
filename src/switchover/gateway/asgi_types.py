"""The shapes between the server and the gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .caller import Caller
    from .connection import HttpConnection

Header = tuple[bytes, bytes]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Answering(Protocol):
    """An application that answers callers. ``connections`` are those that stand; the server's side keeps them."""

    connections: set[HttpConnection]

    def answer(self, caller: Caller) -> Awaitable[None]:
        """Answers one request. Whatever it raises is a mistake of ours."""
        ...
