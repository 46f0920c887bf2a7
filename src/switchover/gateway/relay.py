"""Sends an answer on; owns the commit point: from the first byte sent, an answer ends whole or in an error frame."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from switchover.dialects.sse import FrameDecoder
from switchover.domain.exchange import Outcome
from switchover.errors import Stalled, UpstreamError

from .admit import AnyDialect, Call
from .asgi_types import Send
from .attempt import Opened, Stream
from .guard import CALLER_SLOW, STALLED, Guard
from .refuse import Refusal

# faults.yaml, defaults.idle_timeout: the upper clamp, until gaps are learned. Pings do not reset it.
IDLE_S = 45.0
# faults.yaml, caller-slow.
UNREAD_S = 60.0
# An upstream that does not end its body right after its terminal event is not worth keeping a connection for.
DRAIN_S = 0.5

JSON = (b"content-type", b"application/json")
EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")
NO_CACHE = (b"cache-control", b"no-cache")
NO_RETRY = (b"x-should-retry", b"false")
RETRY = (b"x-should-retry", b"true")

Header = tuple[bytes, bytes]


@dataclass(slots=True)
class Sent:
    """What reached the caller: the tee, and how it ended."""

    status: int
    outcome: Outcome = Outcome.ABANDONED
    parts: list[bytes] = field(default_factory=list)
    error: UpstreamError | None = None
    begun: bool = False

    @property
    def answer(self) -> bytes:
        """All bytes sent."""
        return b"".join(self.parts)


async def send_whole(send: Send, sent: Sent, body: bytes, headers: list[Header]) -> None:
    """Sends a body that is complete."""
    headers.append((b"content-length", b"%d" % len(body)))
    sent.begun = True
    sent.parts.append(body)
    await send({"type": "http.response.start", "status": sent.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_error(
    send: Send, sent: Sent, dialect: AnyDialect, refused: Refusal, call_id: str | None, headers: list[Header]
) -> None:
    """Sends an error in the caller's dialect."""
    body = dialect.error_body(code=refused.code, message=refused.message, status=refused.status, exchange=call_id)
    headers += [JSON, RETRY if refused.again else NO_RETRY]
    if refused.retry_after is not None:
        headers.append((b"retry-after", b"%d" % refused.retry_after))
    await send_whole(send, sent, body, headers)


async def send_opened(send: Send, sent: Sent, call: Call, opened: Opened, guard: Guard, headers: list[Header]) -> None:
    """Sends an answer that passed the commit point, to its end. Sets ``sent.error`` when the upstream broke off."""
    stream = opened.stream
    if not call.peek.stream or stream is None:
        headers.append(JSON)
        await send_whole(send, sent, opened.ready, headers)
        sent.outcome = Outcome.COMPLETE
        return
    headers += [EVENTS, NO_CACHE]
    sent.begun = True
    await send({"type": "http.response.start", "status": sent.status, "headers": headers})
    if opened.whole:
        sent.parts.append(opened.ready)
        await send({"type": "http.response.body", "body": opened.ready})
    else:
        await _follow(send, sent, call, opened.ready, stream, guard)
    sent.outcome = Outcome.COMPLETE if sent.error is None else Outcome.TRUNCATED
    # Read before the end is sent, so that the connection is free by the time this caller asks again.
    await _drain(stream, guard)


async def _follow(send: Send, sent: Sent, call: Call, ready: bytes, stream: Stream, guard: Guard) -> None:
    """Relays frame by frame; a cut ends in the dialect's error frame, never cleanly."""
    parts = sent.parts
    decoder: FrameDecoder = stream.decoder
    progressed = -1
    chunks = stream.chunks
    try:
        frames = ready
        while True:
            if frames:
                parts.append(frames)
                guard.arm(UNREAD_S, CALLER_SLOW)
                await send({"type": "http.response.body", "body": frames, "more_body": True})
                guard.arm(IDLE_S, STALLED)
            elif decoder.progressed != progressed:
                guard.arm(IDLE_S, STALLED)
            progressed = decoder.progressed
            if decoder.failure is not None or decoder.finished:
                break
            try:
                data = await chunks.__anext__()
            except StopAsyncIteration:
                break
            frames = stream.take(data)
        last = stream.end()
    except UpstreamError as error:
        last = _after_break(sent, stream, call, error)
    except asyncio.CancelledError:
        if not guard.take(STALLED):
            raise
        last = _after_break(sent, stream, call, Stalled(f"{stream.name} stopped midway"))
    guard.arm(UNREAD_S, CALLER_SLOW)
    if last:
        parts.append(last)
    await send({"type": "http.response.body", "body": last})
    guard.disarm()


def _after_break(sent: Sent, stream: Stream, call: Call, error: UpstreamError) -> bytes:
    """The end of an answer whose transport broke: whole if its terminal event had come, else an error frame."""
    stream.answer.close()
    try:
        return stream.end()
    except UpstreamError:
        sent.error = error
        message = f"the answer broke off midway ({error.fault}); what came so far is incomplete, ask again"
        return call.dialect.error_frame(code=error.code, message=message, status=error.http_status, exchange=call.id)


async def _drain(stream: Stream, guard: Guard) -> None:
    """Reads the upstream's body to its end, so that the connection may serve again; not for long."""
    guard.arm(DRAIN_S, STALLED)
    try:
        async for _ in stream.chunks:
            pass
    except UpstreamError:
        pass
    except asyncio.CancelledError:
        if not guard.take(STALLED):
            raise
    finally:
        guard.disarm()
        stream.answer.close()
