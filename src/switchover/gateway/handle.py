"""The story of a live request: admit → plan → attempt → relay → record."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from switchover.domain.exchange import Outcome
from switchover.domain.process import Midstream
from switchover.errors import SwitchoverError

from .admit import MAX_BODY_BYTES, AnyDialect, Call, Head, check_route, new_id, read_head
from .caller import Caller
from .opened import Opened, Stream
from .parts import Gateway
from .record import INTENT_WAIT_S
from .refuse import Refusal, refusal, unrecorded
from .relay import JSON, Sent, send_error, send_stream, send_whole
from .serving import Serving

log = logging.getLogger(__name__)


async def handle(gateway: Gateway, caller: Caller, dialect: AnyDialect) -> None:
    """One request to a model, from its head to its record."""
    begun = gateway.clock.monotonic()
    call: Call | None = None
    try:
        head = caller.head.read
        if not isinstance(head, Head):
            head = caller.head.read = read_head(caller.head.headers, gateway.hosts)
        # The key is checked before a byte of body is waited for.
        process = gateway.door.process_of(head, gateway.source.current)
        body = await caller.body(MAX_BODY_BYTES)
        if body is None:
            return
        peek = dialect.peek(body)
        call = Call(new_id(), dialect, process, body, peek, head.passed, gateway.clock.now(), begun, head.patience)
        call.key = head.account
        if gateway.tracer is not None:
            call.trace = gateway.tracer.begin(caller.head.headers)
        check_route(call.process, call.peek.model)
    except SwitchoverError as error:
        if call is None:
            _turn_away(gateway, caller, dialect, refusal(error), begun)
        else:
            _reject(Serving(gateway, call, caller), refusal(error))
        return
    await _serve(Serving(gateway, call, caller))


async def _serve(serving: Serving) -> None:
    """From the plan to the record, however it ends."""
    gateway = serving.gateway
    gateway.metrics.open += 1
    try:
        await _answer(serving, gateway.kept.begin(serving.call))
    except SwitchoverError as error:
        serving.refuse(refusal(error))
    except asyncio.CancelledError:
        if serving.guard.fired is None:
            raise
        serving.guard.take(serving.guard.fired)
    except Exception:
        log.exception("exchange %s failed inside the gateway", serving.call.id)
        if serving.sent.begun:
            serving.code, serving.sent.outcome = "internal_error", Outcome.FAILED
            serving.caller.cut()
        else:
            serving.refuse(refusal(SwitchoverError()))
    finally:
        gateway.metrics.open -= 1
        serving.end()


async def _answer(serving: Serving, number: int) -> None:
    """Plans, asks and relays; ``number`` is that of the record that says that the call was begun."""
    gateway, call = serving.gateway, serving.call
    if call.process.recording.required:
        await gateway.kept.ready(call, number)
    if gateway.classified.reads(call.process.name, gateway.source.current):
        call.data = await gateway.classified.class_of(call, gateway.source.current)
    plan = gateway.plan(call)
    if gateway.spool.written < number:
        await gateway.spool.wait_written(number, INTENT_WAIT_S)
    walk = gateway.failover_for(call).walk
    opened = serving.opened = await walk(call, plan, serving.guard, serving.attempts, gateway.plan)
    serving.first = gateway.clock.monotonic() - call.begun
    if opened.stream is None:
        await _send_whole(serving, opened)
    else:
        await _send_stream(serving, opened, opened.stream)


async def _send_whole(serving: Serving, opened: Opened) -> None:
    sent, process = serving.sent, serving.call.process
    sent.outcome = Outcome.COMPLETE
    if process.recording.required:
        sent.parts.append(opened.ready)
        kept = await serving.keep()
        sent.parts.clear()
        if not kept:
            raise unrecorded(process)
    send_whole(serving.caller, sent, opened.ready, serving.lines() + JSON)


async def _send_stream(serving: Serving, opened: Opened, stream: Stream) -> None:
    call, metrics = serving.call, serving.gateway.metrics
    goes_on = call.process.midstream == Midstream.CONTINUE
    metrics.streams += 1
    try:
        await send_stream(
            serving.caller,
            serving.sent,
            call,
            opened,
            stream,
            serving.guard,
            serving.lines(),
            serving.watched(opened),
            partial(serving.go_on, opened) if goes_on else None,
            serving.keep if call.process.recording.required else None,
        )
    finally:
        metrics.streams -= 1


def _reject(serving: Serving, refused: Refusal) -> None:
    """Answers a caller's own mistake; recorded, as it is known whose process it concerns."""
    serving.refuse(refused)
    serving.sent.outcome = Outcome.REJECTED
    serving.end()


def _turn_away(gateway: Gateway, caller: Caller, dialect: AnyDialect, refused: Refusal, begun: float) -> None:
    """Answers whoever is not known, or is not understood."""
    send_error(caller, Sent(refused.status, Outcome.REJECTED), dialect, refused, None, b"")
    gateway.metrics.refused(dialect.name)
    if gateway.teller is not None:
        gateway.teller.refused(dialect.name, refused)
    if gateway.tracer is not None:
        elapsed = gateway.clock.monotonic() - begun
        gateway.tracer.refused(caller.head.headers, dialect.path, elapsed, refused.status)
