"""Sends an answer on; owns the commit point: from the first byte sent, an answer ends whole or in an error frame."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from switchover.dialects.sse import FrameDecoder
from switchover.domain.exchange import Exchange, Outcome
from switchover.errors import Cut, RunawayOutput, Stalled, UpstreamError

from .admit import AnyDialect, Call
from .amount import Amount
from .caller import Caller, line
from .guard import CALLER_SLOW, STALLED, Guard
from .metrics import Gaps
from .opened import Opened, Stream
from .pace import Pace
from .refuse import Refusal, unrecorded

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


@dataclass(slots=True)
class Sent:
    """What reached the caller: the tee, and how it ended. ``silence``: the longest between two content events.

    ``slow``: it was counted as a slow call on its way. ``rest``: who went on with an answer that had broken off.
    ``counted``: the break was counted against its upstream. ``exchange``: what was recorded before its end was sent,
    ``unkept``: and in vain.
    """

    status: int
    outcome: Outcome = Outcome.ABANDONED
    parts: list[bytes] = field(default_factory=list)
    error: UpstreamError | None = None
    begun: bool = False
    silence: float | None = None
    slow: bool = False
    rest: Opened | None = None
    counted: bool = False
    exchange: Exchange | None = None
    unkept: bool = False


@dataclass(slots=True)
class Watched:
    """How a stream is watched: ``gaps`` counts those in it, ``on_drip`` is called once it drips, ``idle`` is the
    learned time for which it may be silent.
    """

    gaps: Gaps
    on_drip: Callable[[], None]
    idle: float | None = None


# Records an answer that is about to end; False when nobody can be sure that the record lasts.
Keep = Callable[[], Awaitable[bool]]
# The rest of an answer that broke off, and how that is watched.
GoOn = Callable[[UpstreamError], Awaitable[tuple[Opened, Watched] | None]]


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
    watched: Watched,
    go_on: GoOn | None = None,
    keep: Keep | None = None,
) -> None:
    """Sends a streamed answer that passed the commit point, to its end. Sets ``sent.error`` when it broke off.

    ``go_on`` finds whoever tells the rest of an answer that broke off. With ``keep`` the last of it is held until its
    record is safe, and is an error frame if that can't be had.
    """
    kind = Flow if keep is None else HeldFlow
    sent.begun = True
    sent.error = opened.stopped
    caller.begin(sent.status, lines + EVENTS)
    last = opened.ready
    if not opened.whole:
        last = await _follow(caller, sent, call, opened, stream, guard, watched, kind)
        found = await go_on(sent.error) if go_on is not None and sent.error is not None else None
        if found is not None and found[0].stream is not None:
            rest, watched = found
            sent.rest, sent.error, sent.counted, sent.slow = rest, None, False, False
            stream, last = found[0].stream, rest.ready
            if not rest.whole:
                last = await _follow(caller, sent, call, rest, stream, guard, watched, kind)
    if last:
        sent.parts.append(last)
    sent.outcome = Outcome.COMPLETE if sent.error is None else Outcome.TRUNCATED
    if keep is not None and not await keep():
        error = unrecorded(call.process)
        frame = call.dialect.error_frame(
            code=error.code, message=str(error), status=error.http_status, exchange=call.id
        )
        sent.parts[len(sent.parts) - bool(last) :] = [frame]
        sent.outcome, last = Outcome.TRUNCATED, frame
    caller.end(last)
    _leave(stream, guard)


async def _follow(
    caller: Caller,
    sent: Sent,
    call: Call,
    opened: Opened,
    stream: Stream,
    guard: Guard,
    watched: Watched,
    kind: type[Flow],
) -> bytes:
    """Relays frame by frame; returns what is owed at the end.

    A cut ends in the dialect's error frame, an answer that is too long as one at its limit.
    """
    spoken, spec = call.dialect.name, opened.attempt.upstream
    amount = Amount(call, spec, stream.answer, stream.decoder, sent.parts, spoken)
    flow = kind(caller, sent.parts, stream, guard, watched, amount, Pace(stream.decoder, spoken, sent.parts))
    try:
        flow.begin(opened.ready)
        await flow.over
        return flow.owed + stream.end()
    except RunawayOutput as error:
        sent.error = error
        return stream.stop(call, b"".join(sent.parts), amount)
    except UpstreamError as error:
        return _after_break(sent, stream, call, error, flow.owed)
    except asyncio.CancelledError:
        if not guard.take(STALLED):
            raise
        return _after_break(sent, stream, call, Stalled(f"{stream.name} stopped midway"), flow.owed)
    finally:
        sent.silence = guard.silence()
        guard.disarm()
        flow.stop()


class Flow:
    """A stream on its way: the upstream's bytes in, the caller's frames out, each chunk in one turn of the loop.

    ``over`` is done once the answer is, with the error that broke it off if one did. A caller who does not keep up
    stops the upstream from being read.
    """

    # What came with the end of the answer and is not sent yet.
    owed = b""
    __slots__ = (
        "_amount",
        "_caller",
        "_decoder",
        "_feed",
        "_gaps",
        "_guard",
        "_idle",
        "_on_drip",
        "_pace",
        "_parts",
        "_progressed",
        "_stream",
        "over",
    )

    def __init__(
        self,
        caller: Caller,
        parts: list[bytes],
        stream: Stream,
        guard: Guard,
        watched: Watched,
        amount: Amount,
        pace: Pace,
    ) -> None:
        self._caller, self._parts, self._stream, self._guard = caller, parts, stream, guard
        self._gaps, self._on_drip, self._amount = watched.gaps, watched.on_drip, amount
        self._idle = min(watched.idle or IDLE_S, IDLE_S)
        self._pace: Pace | None = pace
        self._decoder: FrameDecoder = stream.decoder
        self._feed = stream.feeder()
        self._progressed = stream.decoder.progressed
        self.over: asyncio.Future[None] = guard.loop.create_future()
        caller.on_room = self._room

    def begin(self, ready: bytes) -> None:
        """Sends what came before the commit point, and all that follows as it comes."""
        self._guard.arm(self._idle, STALLED)
        self._guard.longest = 0.0
        if ready:
            self._parts.append(ready)
            self._caller.write(ready)
        self._guard.look = self._look
        self._stream.answer.pour(self._take, self._end)

    def stop(self) -> None:
        """Nothing more is taken."""
        self._caller.on_room = self._guard.look = None
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
                self._forget_pace()
                self._guard.arm(UNREAD_S, CALLER_SLOW)
        if decoder.progressed != self._progressed:
            self._progressed = decoder.progressed
            self._guard.moved = not caller.is_full
            self._gaps.step()
        if decoder.finished or decoder.failure is not None:
            self.over.set_result(None)

    def _end(self, error: UpstreamError | None) -> None:
        if self.over.done():
            return
        if error is None:
            self.over.set_result(None)
        else:
            self.over.set_exception(error)

    def _look(self) -> None:
        """Once a second: is it too long, does it drip?"""
        if self.over.done():
            return
        try:
            self._amount.check()
        except RunawayOutput as error:
            self.over.set_exception(error)
            return
        if self._pace is not None and not self._caller.is_full and self._pace.is_dripping():
            self._pace = None
            self._on_drip()

    def _forget_pace(self) -> None:
        if self._pace is not None:
            self._pace.forget()

    def _room(self) -> None:
        self._forget_pace()
        self._guard.arm(self._idle, STALLED)
        self._gaps.restart()
        self._stream.answer.resume()


class HeldFlow(Flow):
    """A stream whose last frames wait until it is recorded."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._feed_all, self._feed = self._feed, self._feed_held

    def _feed_held(self, data: bytes) -> bytes:
        frames = self._feed_all(data)
        if not self._decoder.finished:
            return frames
        self.owed += frames
        return b""


def _after_break(sent: Sent, stream: Stream, call: Call, error: UpstreamError, owed: bytes) -> bytes:
    """The end of an answer whose transport broke: whole if its terminal event had come, else an error frame."""
    stream.answer.close()
    try:
        return owed + stream.end()
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
