"""Spans on their way to a collector: OTLP over HTTP in JSON, in batches, off the path of requests.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from switchover.clock import Clock
from switchover.domain.exchange import Exchange
from switchover.domain.ports import Answer
from switchover.errors import UpstreamError
from switchover.log import Log, OncePerChange

from .admit import Call, routes_of
from .asgi_types import Header
from .spans import END, refused_span, request_spans, resource
from .trace import Trace, begin

EVERY_S = 1.0
BATCH = 512
# Some 8 MB: a minute at 100 requests a second.
MOST = 12_000
LONGEST_WAIT_S = 30.0
SEND_S = 10.0
END_S = 3.0
MAX_ANSWER_BYTES = 65_536
# OTLP: what is worth another try, as is what never arrived.
AGAIN = frozenset([429, 502, 503, 504])

Post = Callable[[bytes], Awaitable[Answer]]


class _Partial(msgspec.Struct, rename="camel"):
    rejected_spans: int | str = 0


class _Taken(msgspec.Struct, rename="camel"):
    partial_success: _Partial = msgspec.field(default_factory=_Partial)


_taken = msgspec.json.Decoder(_Taken)


class Tracer:
    """Begins traces and sends their spans.

    ``post`` sends one batch and raises an UpstreamError when it can't; ``sample`` and ``pass_to`` are as in
    :func:`~switchover.gateway.trace.begin`. Beyond ``most`` spans that wait, new ones are dropped and counted.
    """

    def __init__(
        self,
        post: Post,
        worker: str,
        clock: Clock,
        log: Log,
        *,
        sample: float = 1.0,
        pass_to: Iterable[str] = (),
        most: int = MOST,
    ) -> None:
        self.dropped = 0
        self._post, self._clock, self._say, self._most = post, clock, OncePerChange(log), most
        self._sample, self._pass_to = sample, frozenset(pass_to)
        self._head = resource(worker)
        self._waiting: deque[bytes] = deque()
        self._task: asyncio.Task[None] | None = None

    def begin(self, headers: list[Header]) -> Trace:
        """The trace of a request that begins."""
        return begin(headers, self._sample, self._pass_to)

    def ended(self, call: Call, exchange: Exchange) -> None:
        """A request has ended and been answered."""
        trace = call.trace
        if trace is not None and trace.sampled:
            self.put(request_spans(trace, exchange, call.dialect.path, routes_of(call.process), call.begun))

    def refused(self, headers: list[Header], path: str, elapsed: float, status: int) -> None:
        """A request was refused before it became a call."""
        trace = self.begin(headers)
        if trace.sampled:
            self.put(refused_span(trace, path, self._clock.now() - elapsed, elapsed, status))

    def put(self, spans: list[bytes]) -> None:
        """Hands spans over; never blocks."""
        if len(self._waiting) + len(spans) > self._most:
            self.dropped += len(spans)
        else:
            self._waiting += spans

    async def start(self) -> None:
        """Begins to send, on the running loop."""
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Sends what waits, within 3 s; what the collector does not take by then is dropped."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                while self._waiting and await self.send():
                    pass
        self.dropped += len(self._waiting)
        self._waiting.clear()

    async def send(self) -> bool:
        """Sends one batch. False when it is to be tried again; what the collector refuses is dropped."""
        count = min(BATCH, len(self._waiting))
        batch = [self._waiting[place] for place in range(count)]
        try:
            async with asyncio.timeout(SEND_S):
                answer = await self._post(self._head + b",".join(batch) + END)
                body = await answer.whole(MAX_ANSWER_BYTES)
        except (UpstreamError, TimeoutError) as cause:
            self._say("collector", "collector unreachable: trying again", type(cause).__name__, level="warning")
            return False
        if answer.status in AGAIN:
            self._say("collector", "collector busy: trying again", f"status {answer.status}", level="warning")
            return False
        # Only now: an ending that cancels the call above finds the batch where it was.
        for _ in range(count):
            self._waiting.popleft()
        refused = count if not 200 <= answer.status < 300 else _refused(body)
        self.dropped += refused
        if refused:
            said = f"status {answer.status}; see traces.endpoint and traces.headers"
            self._say("collector", "collector refuses spans", said, level="error")
        else:
            self._say("collector", "collector takes spans")
        return True

    async def _follow(self) -> None:
        wait = EVERY_S
        while True:
            await self._clock.sleep(wait)
            went = True
            while went and self._waiting:
                went = await self.send()
            wait = EVERY_S if went else min(wait * 2, LONGEST_WAIT_S)


def _refused(body: bytes | None) -> int:
    """How many spans the collector did not take of a batch it took."""
    try:
        return int(_taken.decode(body or b"{}").partial_success.rejected_spans)
    except (msgspec.MsgspecError, ValueError):
        return 0
