"""The story of a live request: admit → plan → attempt → relay → record."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from functools import partial

from switchover.clock import Clock
from switchover.dialects.side import NEED
from switchover.dialects.subject import subject_said
from switchover.domain.exchange import AttemptRecord, Exchange, Outcome
from switchover.domain.personal import Privacy
from switchover.domain.ports import Upstream
from switchover.domain.process import Midstream, UpstreamSpec
from switchover.domain.register import Snapshot
from switchover.errors import RunawayOutput, SlowDrip, Stalled, SwitchoverError, UpstreamError
from switchover.planning import ANSWERS, Plan
from switchover.privacy.finder import Finder, OwnFinder

from .admit import LOOPBACK, MAX_BODY_BYTES, AnyDialect, Call, Door, Head, check_route, new_id, read_head, routes_of
from .amount import is_over
from .attempt import Artefacts
from .budget import Budgets, Holding
from .caller import Caller
from .classified import Classified
from .continuing import GoingOn, Rest
from .export import Tracer
from .failover import Failover, OnHeld
from .guard import Guard, Watch
from .identity import FELL_BACK, Identity, OnSuspended
from .kept import Kept
from .metrics import Gaps, Metrics
from .neighbours import Neighbours
from .opened import Opened
from .plans import Plans
from .pulse import Pulse
from .record import INTENT_WAIT_S, Recorder, ended_otherwise, exchange_of
from .refuse import refusal, unrecorded
from .relay import JSON, Sent, Watched, send_error, send_stream, send_whole
from .snapshot import SnapshotSource
from .spent import first_choice
from .tell import Teller
from .told import Told

log = logging.getLogger(__name__)


def _nobody(*_said: str) -> None:
    """Nobody asked to be told."""


class Gateway:
    """Answers callers; everything it touches is handed in.

    ``snapshot_source``: the register, see :class:`~switchover.gateway.snapshot.SnapshotSource`.
    ``upstream_factory(spec, base_url)``: the upstream to call; ``base_url`` is the engine's own for kinds that run
    here. It may raise a SwitchoverError (a key that can't be read): then the upstream counts as failed.
    ``spool``: the recorder, started by whoever made it. ``artefacts(sha256)``: bytes of a prompt version's artefact.
    ``pepper``: the HMAC key of caller keys. ``hosts``: the host names callers may use, without port.
    ``on_held(scope, upstream, fault)``: told when a breaker is held from now on; must return at once.
    ``on_suspended(upstream, why)``: the same for proofs that must not count any more.
    ``rng``: jitter of retries. ``neighbours``: the other workers and the keeper; absent, it is the only worker.
    ``teller``: who tells the log of requests, ``tracer``: who sends their spans; absent, nobody does.
    ``budgets()``: what this worker holds in the budget ledger; absent, nothing is spent that a budget is about.
    ``workers``: how many share what an engine of our own can take. ``finder(privacy)``: who finds personal data.
    """

    def __init__(
        self,
        snapshot_source: SnapshotSource,
        upstream_factory: Callable[[UpstreamSpec, str | None], Upstream],
        spool: Recorder,
        clock: Clock,
        artefacts: Artefacts,
        pepper: bytes,
        *,
        hosts: Iterable[str] = (),
        on_held: OnHeld = _nobody,
        on_suspended: OnSuspended = _nobody,
        rng: random.Random | None = None,
        neighbours: Neighbours | None = None,
        teller: Teller | None = None,
        tracer: Tracer | None = None,
        budgets: Callable[[], Holding] | None = None,
        workers: int = 1,
        finder: Callable[[Privacy], Finder] = OwnFinder,
        subject_named: Callable[[str], str] | None = None,
    ) -> None:
        self.subject_named = subject_named
        self.source, self.spool, self.clock = snapshot_source, spool, clock
        self.door = Door(pepper, clock)
        self.watch = Watch()
        self.hosts = LOOPBACK | {host.lower() for host in hosts}
        self.metrics = Metrics()
        self.classified = Classified(clock, self.metrics, finder)
        self.kept = Kept(spool, clock, self.metrics, lambda: self.classified.finder(self.source.current))
        self.neighbours = neighbours or Neighbours("worker-0", None, clock)
        self.teller, self.tracer = teller, tracer
        self.told = Told()
        self.plans = Plans(upstream_factory, clock)
        self.budgets = Budgets(lambda: self.source.current, clock, budgets)
        rng = rng or random.Random()  # noqa: S311  # jitter, not a secret

        def failover(on_held: OnHeld, on_suspended: OnSuspended) -> Failover:
            return Failover(
                upstream=self.plans.upstream,
                clock=clock,
                artefacts=artefacts,
                rng=rng,
                on_held=on_held,
                identity=Identity(lambda: self.source.current, on_suspended, self.metrics),
                budgets=self.budgets,
                workers=workers,
            )

        self.failover = failover(on_held, on_suspended)
        # Side requests have breakers and timers of their own: who makes no embeddings may well answer in words. Proofs
        # are of answers in words, so that no vector can cast doubt on one.
        self.aside = {dialect: failover(_nobody, _nobody) for dialect in NEED}
        self.plans.failovers = (self.failover, *self.aside.values())
        self.boards = {ANSWERS: self.failover.board, **{NEED[name]: one.board for name, one in self.aside.items()}}
        self.pulse = Pulse(
            snapshot_source,
            self.boards,
            self.metrics.lag,
            clock,
            teller.log if teller is not None else None,
            follow=self._follow,
            moved=self.neighbours.hurry,
        )
        self.going_on = GoingOn(self.failover, clock, artefacts)

    def _follow(self, snapshot: Snapshot) -> None:
        self.plans.follow(snapshot)
        self.classified.follow(snapshot)

    async def handle(self, caller: Caller, dialect: AnyDialect) -> None:
        """One request to a model, from its head to its record."""
        begun = self.clock.monotonic()
        call: Call | None = None
        try:
            head = caller.head.read
            if not isinstance(head, Head):
                head = caller.head.read = read_head(caller.head.headers, self.hosts)
            # The key is checked before a byte of body is waited for.
            process = self.door.process_of(head, self.source.current)
            body = await caller.body(MAX_BODY_BYTES)
            if body is None:
                return
            peek = dialect.peek(body)
            call = Call(new_id(), dialect, process, body, peek, head.passed, self.clock.now(), begun, head.patience)
            call.key = head.account
            if self.tracer is not None:
                call.trace = self.tracer.begin(caller.head.headers)
            check_route(call.process, call.peek.model)
        except SwitchoverError as error:
            self._refuse(caller, dialect, call, error, begun)
            return
        await self._serve(call, caller)

    async def _serve(self, call: Call, caller: Caller) -> None:
        number = self.kept.begin(call)
        self.metrics.open += 1
        sent = Sent(200)
        required = call.process.recording.required
        attempts: list[AttemptRecord] = []
        opened: Opened | None = None
        code: str | None = None
        guard = Guard(self.watch, caller)
        first: float | None = None
        try:
            if required:
                await self.kept.ready(call, number)
            if self.classified.reads(call.process.name, self.source.current):
                call.data = await self.classified.class_of(call, self.source.current)
            plan = self._plan(call)
            if self.spool.written < number:
                await self.spool.wait_written(number, INTENT_WAIT_S)
            opened = await self._failover(call).walk(call, plan, guard, attempts, self._plan)
            first = self.clock.monotonic() - call.begun
            lines = self.told.lines(call, attempts, opened)
            keep = partial(self._keep, call, sent, attempts, opened, first) if required else None
            if opened.stream is None:
                sent.outcome = Outcome.COMPLETE
                if keep is not None:
                    sent.parts.append(opened.ready)
                    kept = await keep()
                    sent.parts.clear()
                    if not kept:
                        raise unrecorded(call.process)
                send_whole(caller, sent, opened.ready, lines + JSON)
            else:
                go_on = None
                if call.process.midstream == Midstream.CONTINUE:
                    go_on = partial(self._go_on, call, opened, sent, attempts, guard)
                watched = self._watched(call, opened, attempts, sent)
                self.metrics.streams += 1
                try:
                    await send_stream(
                        caller,
                        sent,
                        call,
                        opened,
                        opened.stream,
                        guard,
                        lines,
                        watched,
                        go_on,
                        keep,
                    )
                finally:
                    self.metrics.streams -= 1
        except SwitchoverError as error:
            refused = refusal(error)
            code, sent.status, sent.outcome = refused.code, refused.status, Outcome.FAILED
            if refused.status < 429 and refused.status != 408:
                sent.outcome = Outcome.REJECTED
            send_error(caller, sent, call.dialect, refused, call.id, self.told.lines(call, attempts, None))
        except asyncio.CancelledError:
            if guard.fired is None:
                raise
            guard.take(guard.fired)
        except Exception:
            log.exception("exchange %s failed inside the gateway", call.id)
            code, sent.outcome = "internal_error", Outcome.FAILED
            if not sent.begun:
                sent.status = 500
                refused = refusal(SwitchoverError())
                send_error(caller, sent, call.dialect, refused, call.id, self.told.lines(call, attempts, None))
            else:
                caller.cut()
        finally:
            guard.close()
            self.metrics.open -= 1
            exchange = sent.exchange
            if exchange is None:
                exchange = self._settle(call, sent, attempts, opened, first, code)
                self.kept.keep(exchange, call.process)
            elif sent.unkept:
                # It was handed over as complete, which it was not as the caller saw it.
                exchange = ended_otherwise(exchange, sent)
                self.kept.keep(exchange, call.process)
            self._tell(call, exchange)

    async def _keep(self, call: Call, sent: Sent, attempts: list[AttemptRecord], opened: Opened, first: float) -> bool:
        """Records an answer that is about to end; False when nobody can be sure that the record lasts."""
        sent.exchange = self._settle(call, sent, attempts, opened, first, None)
        sent.unkept = not await self.kept.keep_durably(sent.exchange, call.process)
        return not sent.unkept

    def _plan(self, call: Call) -> Plan:
        """The plan as things stand now."""
        return self.plans.plan_for(call, self.source.current, self._failover(call))

    def _failover(self, call: Call) -> Failover:
        return self.aside.get(call.dialect.name, self.failover)

    async def _go_on(
        self,
        call: Call,
        opened: Opened,
        sent: Sent,
        attempts: list[AttemptRecord],
        guard: Guard,
        error: UpstreamError,
    ) -> tuple[Opened, Watched] | None:
        """Whoever tells the rest of an answer that broke off, and how that is watched; None: nobody does."""
        # Counted first, so that the plan knows.
        self._broke(call, opened, sent, attempts, error)
        silent = (sent.silence or 0.0) if isinstance(error, Stalled) else 0.0
        try:
            plan = self._plan(call)
        except SwitchoverError:
            return None
        rest = await self.going_on.rest(call, opened, error, sent.parts, silent, plan, guard, attempts)
        return None if rest is None else (rest, self._watched(call, rest, attempts, sent))

    def _watched(self, call: Call, opened: Opened, attempts: list[AttemptRecord], sent: Sent) -> Watched:
        """How a stream is watched from now on."""
        spec = opened.attempt.upstream
        gaps = self.metrics.gaps(call.process.name, spec.name, call.dialect.name)
        return Watched(
            Gaps(gaps, self.clock.monotonic),
            partial(self._drips, call, opened, attempts, sent),
            self.failover.timers.idle(spec, len(call.body)),
        )

    def _settle(
        self,
        call: Call,
        sent: Sent,
        attempts: list[AttemptRecord],
        opened: Opened | None,
        first: float | None,
        code: str | None,
    ) -> Exchange:
        """The exchange as it ended, counted for and against upstreams; stops one that is still sending."""
        model, usage = (opened.model, opened.usage) if opened else (None, None)
        for one in (opened, sent.rest):
            if one is not None and one.stream is not None and one.attempt.upstream.kind == "local":
                self.failover.queues.leave(one.attempt.upstream)
        opened = sent.rest or opened
        if opened is not None and opened.stream is not None:
            stream, decoder = opened.stream, opened.stream.decoder
            if sent.outcome is not Outcome.COMPLETE:
                stream.answer.close()
            model, usage = decoder.model or opened.attempt.upstream.model, stream.used()
            if isinstance(stream, Rest):
                attempts[-1].usage = stream.own_usage()
            if sent.error is not None:
                code = sent.error.code
                if not sent.counted:
                    self._broke(call, opened, sent, attempts, sent.error)
            elif sent.outcome is Outcome.COMPLETE:
                if opened.swapped is None and not sent.slow:
                    board = self.failover.board_for(opened.attempt, call.id)
                    board.answered(opened.attempt.upstream, self.clock.monotonic())
                if decoder.fell_back and opened.fault is None:
                    # Only told after the commit point.
                    attempts[-1].fault = FELL_BACK
                self.failover.paused(call, opened, sent.silence)
        if call.spending:
            self._pay(call, opened, whole=sent.outcome is Outcome.COMPLETE)
        if sent.outcome is Outcome.COMPLETE and attempts and attempts[-1].fault is None and is_over(call, usage):
            attempts[-1].fault = RunawayOutput.fault
        upstream, elapsed = opened.attempt.upstream.name if opened else None, self.clock.monotonic() - call.begun
        return exchange_of(
            call, sent, attempts, upstream, opened.dropped if opened else (), model=model, usage=usage, first=first,
            elapsed=elapsed, code=code, subject=self._subject(call),
        )  # fmt: skip

    def _subject(self, call: Call) -> str | None:
        """Whom the call is about, as the record names them; None where its process does not say."""
        where = call.process.recording.subject
        if where is None or self.subject_named is None:
            return None
        said = subject_said(where, call.peek.metadata, call.body)
        return None if said is None else self.subject_named(said)

    def _tell(self, call: Call, exchange: Exchange) -> None:
        """Counts the exchange, and tells whoever wants to know of it."""
        if self.teller is not None:
            self.teller.ended(exchange, routes_of(call.process))
        if self.tracer is not None:
            self.tracer.ended(call, exchange)
        upstream, first = exchange.upstream, exchange.first_content_ms
        self.metrics.ended(
            call.process.name,
            upstream or "",
            call.dialect.name,
            exchange.outcome,
            exchange.elapsed_ms / 1000,
            exchange.attempts,
            switched=upstream is not None and upstream != first_choice(call),
            first=first / 1000 if first is not None and call.peek.stream else None,
            usage=exchange.usage,
        )

    def _pay(self, call: Call, last: Opened | None, *, whole: bool) -> None:
        """Settles what is still reserved: the stream that was told last as it says, whatever broke off as unknown."""
        if last is not None and last.spending is not None and last.stream is not None:
            decoder = last.stream.decoder
            if whole or decoder.finished:
                last.spending.ended(decoder.usage, last.fault or (FELL_BACK if decoder.fell_back else None))
        for spending in list(call.spending):
            spending.unknown()

    def _drips(self, call: Call, opened: Opened, attempts: list[AttemptRecord], sent: Sent) -> None:
        """Counts a stream that drips as a slow call while it goes on."""
        sent.slow, attempts[-1].fault = True, attempts[-1].fault or SlowDrip.fault
        self.failover.failed(opened.attempt, call.id, SlowDrip(f"{opened.attempt.upstream.name} is slow"))

    def _broke(
        self, call: Call, opened: Opened, sent: Sent, attempts: list[AttemptRecord], error: UpstreamError
    ) -> None:
        """Counts and notes that the last attempt broke off after the commit point."""
        sent.counted = True
        if isinstance(error, Stalled):
            self.failover.paused(call, opened, sent.silence)
        # A call that is counted as slow already is not counted again.
        if not sent.slow or error.breaker_effect not in ("count", "slow"):
            self.failover.failed(opened.attempt, call.id, error)
        last = attempts[-1]
        attempts[-1] = AttemptRecord(
            upstream=last.upstream,
            model=last.model,
            fault=error.fault,
            status=last.status,
            elapsed_ms=(self.clock.monotonic() - call.begun) * 1000,
            prompt_version=last.prompt_version,
            cut_off=last.cut_off,
            usage=last.usage,
        )

    def _refuse(
        self, caller: Caller, dialect: AnyDialect, call: Call | None, error: SwitchoverError, begun: float
    ) -> None:
        """Answers a caller's own mistake; recorded when it is known whose process it concerns."""
        refused = refusal(error)
        sent = Sent(refused.status, Outcome.REJECTED)
        lines = self.told.lines(call, [], None) if call is not None else b""
        send_error(caller, sent, dialect, refused, call.id if call else None, lines)
        if call is None:
            self.metrics.refused(dialect.name)
            if self.teller is not None:
                self.teller.refused(dialect.name, refused)
            if self.tracer is not None:
                elapsed = self.clock.monotonic() - begun
                self.tracer.refused(caller.head.headers, dialect.path, elapsed, refused.status)
        else:
            exchange = self._settle(call, sent, [], None, None, refused.code)
            self.kept.keep(exchange, call.process)
            self._tell(call, exchange)
