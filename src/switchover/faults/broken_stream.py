"""The answer breaks off midway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from switchover.domain.ports import Answer, OutboundRequest, Upstream
from switchover.errors import Cut

from .registry import fault


@fault("broken-stream")
@dataclass(frozen=True, kw_only=True)
class BrokenStream:
    """The body is cut after ``after_bytes`` bytes, as by a connection that is reset."""

    after_bytes: float = 400

    async def call(self, upstream: Upstream, request: OutboundRequest) -> Answer:
        """Asks, and lets only the first bytes of the body through."""
        return _Broken(await upstream.answer(request), upstream.name, int(self.after_bytes))


class _Broken:
    def __init__(self, whole: Answer, name: str, left: int) -> None:
        self.status = whole.status
        self.headers: Mapping[str, str] = {k: v for k, v in whole.headers.items() if k.lower() != "content-length"}
        self._whole, self._name, self._left = whole, name, left

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self._whole.chunks():
            if len(chunk) >= self._left:
                if self._left:
                    yield chunk[: self._left]
                self._whole.close()
                raise Cut(f"{self._name} broke off midway", fault="reset-midway")
            self._left -= len(chunk)
            yield chunk

    def close(self) -> None:
        self._whole.close()
