"""One request under way: who answers it, how that is watched, and how it ends, counted for and against upstreams."""

from __future__ import annotations

from functools import partial

from switchover.domain.exchange import AttemptRecord, Exchange, Outcome
from switchover.errors import RunawayOutput, SlowDrip, Stalled, SwitchoverError, UpstreamError

from .admit import Call
from .amount import is_over
from .caller import Caller
from .continuing import Rest
from .guard import Guard
from .identity import FELL_BACK
from .metrics import Gaps
from .opened import Opened, Stream
from .parts import Gateway
from .record import ended_otherwise, exchange_of
from .refuse import Refusal
from .relay import Sent, Watched, send_error


class Serving:
    """A call as far as it has come.

    ``opened``: who answers, once somebody does; ``first``: the seconds until then; ``attempts``: who was asked, in
    order; ``code``: the error that the caller got.
    """

    __slots__ = ("attempts", "call", "caller", "code", "first", "gateway", "guard", "opened", "sent")

    def __init__(self, gateway: Gateway, call: Call, caller: Caller) -> None:
        self.gateway, self.call, self.caller = gateway, call, caller
        self.sent = Sent(200)
        self.guard = Guard(gateway.watch, caller)
        self.attempts: list[AttemptRecord] = []
        self.opened: Opened | None = None
        self.first: float | None = None
        self.code: str | None = None

    def lines(self) -> bytes:
        """What the answer's headers say of how it came about."""
        return self.gateway.told.lines(self.call, self.attempts, self.opened)

    def refuse(self, refused: Refusal) -> None:
        """Answers with an error in the caller's dialect."""
        self.code, self.sent.status, self.sent.outcome = refused.code, refused.status, Outcome.FAILED
        if refused.status < 429 and refused.status != 408:
            self.sent.outcome = Outcome.REJECTED
        lines = self.gateway.told.lines(self.call, self.attempts, None)
        send_error(self.caller, self.sent, self.call.dialect, refused, self.call.id, lines)

    def end(self) -> None:
        """Records how it ended, unless that is recorded, and tells whoever wants to know."""
        self.guard.close()
        kept, exchange = self.gateway.kept, self.sent.exchange
        if exchange is None:
            exchange = self.settle()
            kept.keep(exchange, self.call.process)
        elif self.sent.unkept:
            # It was handed over as complete, which it was not as the caller saw it.
            exchange = ended_otherwise(exchange, self.sent)
            kept.keep(exchange, self.call.process)
        self.gateway.tell(self.call, exchange)

    async def keep(self) -> bool:
        """Records an answer that is about to end; False when nobody can be sure that the record lasts."""
        self.sent.exchange = self.settle()
        self.sent.unkept = not await self.gateway.kept.keep_durably(self.sent.exchange, self.call.process)
        return not self.sent.unkept

    async def go_on(self, opened: Opened, error: UpstreamError) -> tuple[Opened, Watched] | None:
        """Whoever tells the rest of an answer that broke off, and how that is watched; None: nobody does."""
        # Counted first, so that the plan knows.
        self._broke(opened, error)
        silent = (self.sent.silence or 0.0) if isinstance(error, Stalled) else 0.0
        try:
            plan = self.gateway.plan(self.call)
        except SwitchoverError:
            return None
        rest = await self.gateway.going_on.rest(
            self.call, opened, error, self.sent.parts, silent, plan, self.guard, self.attempts
        )
        return None if rest is None else (rest, self.watched(rest))

    def watched(self, opened: Opened) -> Watched:
        """How a stream is watched from now on."""
        call, gateway, spec = self.call, self.gateway, opened.attempt.upstream
        gaps = gateway.metrics.gaps(call.process.name, spec.name, call.dialect.name)
        return Watched(
            Gaps(gaps, gateway.clock.monotonic),
            partial(self._drips, opened),
            gateway.failover.timers.idle(spec, len(call.body)),
        )

    def settle(self) -> Exchange:
        """The exchange as it ended, counted for and against upstreams; stops one that is still sending."""
        gateway, call, sent, opened, code = self.gateway, self.call, self.sent, self.opened, self.code
        model, usage = (opened.model, opened.usage) if opened else (None, None)
        for one in (opened, sent.rest):
            if one is not None and one.stream is not None and one.attempt.upstream.kind == "local":
                gateway.failover.queues.leave(one.attempt.upstream)
        opened = sent.rest or opened
        if opened is not None and opened.stream is not None:
            self._stop(opened, opened.stream)
            model, usage = opened.stream.decoder.model or opened.attempt.upstream.model, opened.stream.used()
            code = sent.error.code if sent.error is not None else code
        if call.spending:
            self._pay(opened)
        last = self.attempts[-1] if self.attempts else None
        if sent.outcome is Outcome.COMPLETE and last is not None and last.fault is None and is_over(call, usage):
            last.fault = RunawayOutput.fault
        upstream, elapsed = opened.attempt.upstream.name if opened else None, gateway.clock.monotonic() - call.begun
        return exchange_of(
            call, sent, self.attempts, upstream, opened.dropped if opened else (), model=model, usage=usage,
            first=self.first, elapsed=elapsed, code=code, subject=gateway.subject(call),
        )  # fmt: skip

    def _stop(self, opened: Opened, stream: Stream) -> None:
        """Counts how a stream ended, and closes one that did not come to its end."""
        sent, failover = self.sent, self.gateway.failover
        if sent.outcome is not Outcome.COMPLETE:
            stream.answer.close()
        if isinstance(stream, Rest):
            self.attempts[-1].usage = stream.own_usage()
        if sent.error is not None:
            if not sent.counted:
                self._broke(opened, sent.error)
        elif sent.outcome is Outcome.COMPLETE:
            if opened.swapped is None and not sent.slow:
                board = failover.board_for(opened.attempt, self.call.id)
                board.answered(opened.attempt.upstream, self.gateway.clock.monotonic())
            if stream.decoder.fell_back and opened.fault is None:
                # Only told after the commit point.
                self.attempts[-1].fault = FELL_BACK
            failover.paused(self.call, opened, sent.silence)

    def _pay(self, last: Opened | None) -> None:
        """Settles what is still reserved: the stream that was told last as it says, whatever broke off as unknown."""
        if last is not None and last.spending is not None and last.stream is not None:
            decoder = last.stream.decoder
            if self.sent.outcome is Outcome.COMPLETE or decoder.finished:
                last.spending.ended(decoder.usage, last.fault or (FELL_BACK if decoder.fell_back else None))
        for spending in list(self.call.spending):
            spending.unknown()

    def _drips(self, opened: Opened) -> None:
        """Counts a stream that drips as a slow call while it goes on."""
        last = self.attempts[-1]
        self.sent.slow, last.fault = True, last.fault or SlowDrip.fault
        slow = SlowDrip(f"{opened.attempt.upstream.name} is slow")
        self.gateway.failover.failed(opened.attempt, self.call.id, slow)

    def _broke(self, opened: Opened, error: UpstreamError) -> None:
        """Counts and notes that the last attempt broke off after the commit point."""
        gateway, call, sent = self.gateway, self.call, self.sent
        sent.counted = True
        if isinstance(error, Stalled):
            gateway.failover.paused(call, opened, sent.silence)
        # A call that is counted as slow already is not counted again.
        if not sent.slow or error.breaker_effect not in ("count", "slow"):
            gateway.failover.failed(opened.attempt, call.id, error)
        last = self.attempts[-1]
        self.attempts[-1] = AttemptRecord(
            upstream=last.upstream,
            model=last.model,
            fault=error.fault,
            status=last.status,
            elapsed_ms=(gateway.clock.monotonic() - call.begun) * 1000,
            prompt_version=last.prompt_version,
            cut_off=last.cut_off,
            usage=last.usage,
        )
