"""The answer breaks off midway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from switchover.domain.ports import Answer, OutboundRequest, Upstream
from switchover.errors import Cut, UpstreamError

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
    complete = False

    def __init__(self, whole: Answer, name: str, left: int) -> None:
        self.status = whole.status
        self.headers: Mapping[str, str] = {k: v for k, v in whole.headers.items() if k.lower() != "content-length"}
        self._whole, self._name, self._left = whole, name, left

    @property
    def total(self) -> int:
        return self._whole.total

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self._whole.chunks():
            kept = self._kept(chunk)
            if kept:
                yield kept
            if not self._left:
                raise self._broken()

    async def whole(self, most: int) -> bytes | None:
        parts = []
        async for chunk in self.chunks():
            parts.append(chunk)
            if sum(map(len, parts)) > most:
                return None
        return b"".join(parts)

    def pour(self, take: Callable[[bytes], None], over: Callable[[UpstreamError | None], None]) -> None:
        def some(chunk: bytes) -> None:
            kept = self._kept(chunk)
            if kept:
                take(kept)
            if not self._left:
                # What is closed calls nobody back.
                self._whole.pour(_nothing, _nothing)
                over(self._broken())

        self._whole.pour(some, over)

    def pause(self) -> None:
        self._whole.pause()

    def resume(self) -> None:
        self._whole.resume()

    def close(self) -> None:
        self._whole.close()

    def _kept(self, chunk: bytes) -> bytes:
        kept = chunk[: self._left]
        self._left -= len(kept)
        return kept

    def _broken(self) -> Cut:
        self._whole.close()
        return Cut(f"{self._name} broke off midway", fault="reset-midway")


def _nothing(_: object) -> None:
    """Nobody listens any more."""
