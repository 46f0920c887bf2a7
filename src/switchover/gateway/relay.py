"""Sends an answer on; owns the commit point: from the first byte sent, an answer ends whole or in an error frame."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from switchover.dialects.sse import FrameDecoder
from switchover.domain.exchange import Outcome
from switchover.errors import Cut, Stalled, UpstreamError

from .admit import AnyDialect, Call
from .attempt import Opened, Stream
from .caller import Caller, line
from .guard import CALLER_SLOW, STALLED, Guard
from .metric_table import GAP_BOUNDS_S
from .metrics import Histogram
from .refuse import Refusal

# faults.yaml, defaults.idle_timeout: the upper clamp, which holds until silences are learned. Pings do not reset it.
IDLE_S = 45.0
# faults.yaml, caller-slow.
UNREAD_S = 60.0
# An upstream that does not end its body right after its terminal event is not worth keeping a connection for.
DRAIN_S = 0.5

JSON = line("content-type", "application/json")
EVENTS = line("content-type", "text/event-stream; charset=utf-8") + line("cache-control", "no-cache")
NO_RETRY = line("x-should-retry", "false")
RETRY = line("x-should-retry", "true")


class Pace:
    """Counts the gaps between the reads of one stream that brought content, into a histogram of GAP_BOUNDS_S."""

    __slots__ = ("_at", "_elapsed", "_gaps")

    def __init__(self, gaps: Histogram, elapsed: Callable[[], float]) -> None:
        self._gaps, self._elapsed, self._at = gaps, elapsed, elapsed()

    def step(self) -> None:
        """Content has come."""
        now = self._elapsed()
        gap, self._at = now - self._at, now
        # As Histogram.add, without the call: this is the one thing that a chunk pays for being measured.
        gaps = self._gaps
        gaps.counts[bisect_left(GAP_BOUNDS_S, gap)] += 1
        gaps.total += gap

    def restart(self) -> None:
        """The next gap counts from here: what lies before was not the upstream's doing."""
        self._at = self._elapsed()


@dataclass(slots=True)
class Sent:
    """What reached the caller: the tee, and how it ended. ``silence``: the longest between two content events.

    ``rest``: who went on with an answer that had broken off. ``counted``: the break was counted against its upstream.
    """

    status: int
    outcome: Outcome = Outcome.ABANDONED
    parts: list[bytes] = field(default_factory=list)
    error: UpstreamError | None = None
    begun: bool = False
    silence: float | None = None
    rest: Opened | None = None
    counted: bool = False


# The rest of an answer that broke off, and the learned time for which whoever tells it may be silent.
GoOn = Callable[[UpstreamError], Awaitable[tuple[Opened, Pace, float | None] | None]]


def send_whole(caller: Caller, sent: Sent, body: bytes, lines: bytes) -> None:
    """Sends a body that is complete."""
    sent.begun = True
    sent.parts.append(body)
    caller.answer(sent.status, lines, body)


def send_error(
    caller: Caller, sent: Sent, dialect: AnyDialect, refused: Refusal, call_id: str | None, lines: bytes
) -> None:
    """Sends an error in the caller's dialect."""
    body = dialect.error_body(code=refused.code, message=refused.message, status=refused.status, exchange=call_id)
    lines += JSON + (RETRY if refused.again else NO_RETRY)
    if refused.retry_after is not None:
        lines += line("retry-after", str(refused.retry_after))
    send_whole(caller, sent, body, lines)


async def send_stream(
    caller: Caller,
    sent: Sent,
    call: Call,
    opened: Opened,
    stream: Stream,
    guard: Guard,
    lines: bytes,
    pace: Pace,
    idle: float | None = None,
    go_on: GoOn | None = None,
) -> None:
    """Sends a streamed answer that passed the commit point, to its end. Sets ``sent.error`` when it broke off.

    ``pace`` counts the gaps in it; ``idle``: the learned time it may be silent. ``go_on`` finds whoever tells the rest
    of an answer that broke off.
    """
    sent.begun = True
    caller.begin(sent.status, lines + EVENTS)
    last = opened.ready
    if not opened.whole:
        flow = Flow(caller, sent.parts, stream, guard, min(idle or IDLE_S, IDLE_S), pace)
        last = await _follow(flow, sent, call, opened.ready, stream, guard)
        found = await go_on(sent.error) if go_on is not None and sent.error is not None else None
        if found is not None and found[0].stream is not None:
            rest, pace, idle = found
            sent.rest, sent.error, sent.counted = rest, None, False
            stream, last = found[0].stream, rest.ready
            if not rest.whole:
                flow = Flow(caller, sent.parts, stream, guard, min(idle or IDLE_S, IDLE_S), pace)
                last = await _follow(flow, sent, call, rest.ready, stream, guard)
    if last:
        sent.parts.append(last)
    caller.end(last)
    sent.outcome = Outcome.COMPLETE if sent.error is None else Outcome.TRUNCATED
    _leave(stream, guard)


async def _follow(flow: Flow, sent: Sent, call: Call, ready: bytes, stream: Stream, guard: Guard) -> bytes:
    """Relays frame by frame; returns what is owed at the end. A cut ends in the dialect's error frame."""
    try:
        flow.begin(ready)
        await flow.over
        return stream.end()
    except UpstreamError as error:
        return _after_break(sent, stream, call, error)
    except asyncio.CancelledError:
        if not guard.take(STALLED):
            raise
        return _after_break(sent, stream, call, Stalled(f"{stream.name} stopped midway"))
    finally:
        sent.silence = guard.silence()
        guard.disarm()
        flow.stop()


class Flow:
    """A stream on its way: the upstream's bytes in, the caller's frames out, each chunk in one turn of the loop.

    ``over`` is done once the answer is, with the error that broke it off if one did. A caller who does not keep up
    stops the upstream from being read.
    """

    __slots__ = ("_caller", "_decoder", "_feed", "_guard", "_idle", "_pace", "_parts", "_progressed", "_stream", "over")

    def __init__(
        self, caller: Caller, parts: list[bytes], stream: Stream, guard: Guard, idle: float, pace: Pace
    ) -> None:
        self._caller, self._parts, self._stream, self._guard = caller, parts, stream, guard
        self._decoder: FrameDecoder = stream.decoder
        self._feed = stream.feeder()
        self._progressed, self._idle, self._pace = stream.decoder.progressed, idle, pace
        self.over: asyncio.Future[None] = guard.loop.create_future()
        caller.on_room = self._room

    def begin(self, ready: bytes) -> None:
        """Sends what came before the commit point, and all that follows as it comes."""
        self._guard.arm(self._idle, STALLED)
        self._guard.longest = 0.0
        if ready:
            self._parts.append(ready)
            self._caller.write(ready)
        self._stream.answer.pour(self._take, self._end)

    def stop(self) -> None:
        """Nothing more is taken."""
        self._caller.on_room = None
        if not self.over.done():
            self.over.cancel()

    def _take(self, data: bytes) -> None:
        if self.over.done():
            return
        frames, caller, decoder = self._feed(data), self._caller, self._decoder
        if frames:
            self._parts.append(frames)
            caller.write(frames)
            if caller.is_full:
                self._stream.answer.pause()
                self._guard.arm(UNREAD_S, CALLER_SLOW)
        if decoder.progressed != self._progressed:
            self._progressed = decoder.progressed
            self._guard.moved = not caller.is_full
            self._pace.step()
        if decoder.finished or decoder.failure is not None:
            self.over.set_result(None)

    def _end(self, error: UpstreamError | None) -> None:
        if self.over.done():
            return
        if error is None:
            self.over.set_result(None)
        else:
            self.over.set_exception(error)

    def _room(self) -> None:
        self._guard.arm(self._idle, STALLED)
        self._pace.restart()
        self._stream.answer.resume()


def _after_break(sent: Sent, stream: Stream, call: Call, error: UpstreamError) -> bytes:
    """The end of an answer whose transport broke: whole if its terminal event had come, else an error frame."""
    stream.answer.close()
    try:
        return stream.end()
    except UpstreamError:
        sent.error = error = stream.named(error, call) if isinstance(error, Cut) else error
        message = f"the answer broke off midway ({error.fault}); what came so far is incomplete, ask again"
        return call.dialect.error_frame(code=error.code, message=message, status=error.http_status, exchange=call.id)


def _leave(stream: Stream, guard: Guard) -> None:
    """Lets the upstream end its body, so that the connection may serve again; not for long."""
    if not stream.answer.complete:
        stream.answer.pour(_nothing, _nothing)
        guard.loop.call_later(DRAIN_S, stream.answer.close)


def _nothing(_: object) -> None:
    """What comes after the end is of no use."""
