"""Walks the attempts of a plan until one answers."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Mapping

from switchover.clock import Clock
from switchover.dialects.side import NEEDS_COUNT, NEEDS_VECTORS
from switchover.domain.exchange import AttemptRecord
from switchover.domain.ports import Answer, Upstream
from switchover.domain.process import UpstreamSpec
from switchover.errors import BadRequest, NoUpstream, OutOfTime, RateLimited, TooSlow, UpstreamError
from switchover.planning import Attempt, Board, BreakerState, Pause, Plan, Queues, Timers

from .admit import Call
from .attempt import Artefacts, AskWith, Opened, ask, meets, open_answer, render, speaking
from .guard import OUT_OF_TIME, TICK_S, TOO_SLOW, Guard
from .identity import FELL_BACK, Identity

SIDE_NEEDS = frozenset([NEEDS_VECTORS, NEEDS_COUNT])
MAX_ATTEMPTS = 3
LAST_ATTEMPT_S = 600.0
# SRE book, "Handling Overload": retries at most a tenth of the requests; Envoy: at least three at once.
RETRY_SHARE = 0.1
RETRIES_AT_ONCE = 3
# The longest Retry-After that is waited for.
LONGEST_WAIT_S = 60.0
LEAST_JITTER_S = 0.05
# The least Retry-After that a caller is told.
LEAST_TOLD_S = 1.0
LONGEST_JITTER_S = 0.15

OnHeld = Callable[[str, str, str], None]
Replan = Callable[[Call], Plan]


class Spent(NoUpstream):
    """Every attempt failed: ``errors`` in order, ``message`` names what was passed over too."""

    def __init__(self, message: str, errors: list[UpstreamError]) -> None:
        self.errors = errors
        super().__init__(message, retry_after=max((e.retry_after or 0.0 for e in errors), default=0.0) or None)


class NotPermitted(Spent):
    """What is left may not see the process's data."""

    code = "policy_no_permitted_upstream"


class NoVectors(Spent):
    """Nobody who may serve the process makes embeddings."""

    http_status = 400
    code = "embeddings_unsupported"


class NoCount(Spent):
    """Nobody who would answer counts tokens."""

    http_status = 400
    code = "count_tokens_unsupported"


class Failover:
    """Tries the attempts of plans; keeps the boards of breakers, one for real life and one per drill.

    A drill's failures open breakers of its own, so that lifting it leaves no trace.
    """

    def __init__(
        self,
        *,
        upstream: Callable[[UpstreamSpec], Upstream],
        clock: Clock,
        artefacts: Artefacts,
        rng: random.Random,
        on_held: OnHeld,
        identity: Identity,
        workers: int = 1,
    ) -> None:
        self._upstream, self._clock, self._artefacts, self._rng = upstream, clock, artefacts, rng
        self._on_held, self._identity = on_held, identity
        self.queues = Queues(workers)
        self.board = Board()
        self.drills: dict[str, Board] = {}
        self.timers = Timers()
        self._probing: set[str] = set()
        self._asked: dict[str, int] = {}
        self._retried: dict[str, int] = {}
        self._retrying: dict[str, int] = {}

    def board_for(self, attempt: Attempt, exchange: str) -> Board:
        """The board that this exchange's attempt counts on."""
        cut = attempt.drill_cut
        if cut is None or not cut.reaches(exchange):
            return self.board
        return self.drills.setdefault(cut.id, Board())

    async def walk(self, call: Call, plan: Plan, guard: Guard, records: list[AttemptRecord], replan: Replan) -> Opened:
        """The first answer. Raises Spent, OutOfTime, or the RequestRejected or BadRequest that stops the walk.

        ``replan`` tells, after a wait, whether the plan still holds.
        """
        errors: list[UpstreamError] = []
        refused: BadRequest | None = None
        final = len(plan.attempts) - 1
        paused = {one.upstream: one.pause for one in plan.skipped if one.pause is not None}
        for place, attempt in enumerate(plan.attempts):
            # What failed just now may have been asked to wait, and share its credential.
            pause = self._paused(attempt, call) if errors else None
            if pause is not None:
                paused[attempt.upstream.name] = pause
                continue
            for again in (False, True):
                if len(records) >= MAX_ATTEMPTS or (again and not await self._may_retry(attempt.upstream.name, errors)):
                    break
                last = place == final or len(records) == MAX_ATTEMPTS - 1
                try:
                    opened = await self.try_one(call, attempt, guard, records, last)
                except BadRequest as error:
                    refused = refused or error
                    break
                except UpstreamError as error:
                    errors.append(error)
                    if error.stops and place == 0:
                        raise
                    continue
                if opened is not None:
                    return opened
                break
        if refused is not None and not errors and not paused:
            raise refused
        opened = await self._after_wait(call, paused, guard, records, errors, replan)
        if opened is not None:
            return opened
        tried = {one.upstream for one in records}
        asked = [self._busy(name, pause) for name, pause in paused.items() if name not in tried]
        kind = Spent if asked else _kind(plan, call)
        raise kind(why(plan, call, errors), [*errors, *asked])

    def _paused(self, attempt: Attempt, call: Call) -> Pause | None:
        elapsed = self._clock.monotonic()
        pause = self.board_for(attempt, call.id).pause(attempt.upstream, elapsed)
        return None if pause is None else pause.shifted(self._clock.now() - elapsed)

    def _busy(self, name: str, pause: Pause) -> RateLimited:
        """What an upstream that was not asked, as its credential is to be left alone, would say."""
        return RateLimited(f"{name}: {pause}", retry_after=max(pause.until - self._clock.now(), LEAST_TOLD_S))

    async def _after_wait(
        self,
        call: Call,
        paused: Mapping[str, Pause],
        guard: Guard,
        records: list[AttemptRecord],
        errors: list[UpstreamError],
        replan: Replan,
    ) -> Opened | None:
        """One more try of the busy upstream that is back first, once no other is left; None when that is of no use.

        Busy is who said so to this request, or whose credential is left alone as it said so to an earlier one.
        """
        now = self._clock.now()
        waits = {name: None if pause.capped else max(pause.until - now, 0.0) for name, pause in paused.items()}
        failed = zip([one.upstream for one in records], errors, strict=True)
        waits |= {name: error.retry_after for name, error in failed if isinstance(error, RateLimited)}
        wait, name = min(((wait, name) for name, wait in waits.items() if wait is not None), default=(math.inf, ""))
        left = call.deadline - self._clock.monotonic()
        if len(records) >= MAX_ATTEMPTS or wait > LONGEST_WAIT_S or wait + LONGEST_JITTER_S >= left:
            return None
        if not await self._pause(name, wait):
            return None
        attempt = next((one for one in replan(call).attempts if one.upstream.name == name), None)
        if attempt is None:
            return None
        try:
            return await self.try_one(call, attempt, guard, records, last=True)
        except UpstreamError as error:
            errors.append(error)
        return None

    async def try_one(
        self,
        call: Call,
        attempt: Attempt,
        guard: Guard,
        records: list[AttemptRecord],
        last: bool,
        ask_with: AskWith | None = None,
    ) -> Opened | None:
        """One attempt, up to its commit point; None when somebody else probes its upstream just now.

        ``ask_with`` makes another request of it, for the rest of an answer: that may be empty. Raises as :meth:`walk`.
        """
        spec, clock = attempt.upstream, self._clock
        board, begun = self.board_for(attempt, call.id), clock.monotonic()
        left = call.deadline - begun
        if left < TICK_S:
            raise out_of_time(call)
        probe = board.state(spec, begun) is BreakerState.HALF_OPEN
        if probe and spec.name in self._probing and not last:
            return None
        cut = meets(attempt.drill_cut, call.id) if attempt.drill_cut is not None else None
        answer: Answer | None = None
        self._asked[spec.name] = self._asked.get(spec.name, 0) + 1
        if probe:
            self._probing.add(spec.name)
        if call.trace is not None:
            call.trace.began(spec, begun)
        longest = LAST_ATTEMPT_S if last else self._limit(call, spec)
        if longest <= left:
            guard.arm(longest, TOO_SLOW)
        else:
            guard.arm(left, OUT_OF_TIME)
        failure: UpstreamError | None = None
        expired = queued = False
        opened: Opened | None = None
        try:
            if spec.kind == "local":
                self.queues.enter(spec, call.process.criticality)
                queued = True
            if ask_with is None:
                upstream = speaking(self._upstream(spec), call, attempt)
                body, dropped = render(call, attempt, upstream.dialect, self._artefacts)
            else:
                upstream, body, dropped = ask_with(self._upstream(spec))
            answer = await ask(call, upstream, body, cut, len(records) + 1)
            rest = ask_with is not None
            made = await open_answer(call, attempt, upstream, answer, dropped, body, may_be_empty=rest)
            self._identity.check(call, spec, made)
            opened = made
        except UpstreamError as error:
            failure = error
        except asyncio.CancelledError:
            expired = guard.take(OUT_OF_TIME)
            if not expired and not guard.take(TOO_SLOW):
                raise
            failure = TooSlow(f"{spec.name} was too slow")
        finally:
            guard.disarm()
            if probe:
                self._probing.discard(spec.name)
            if answer is not None and opened is None:
                answer.close()
            # What a stream still has to send keeps its place: whoever ends it gives that back.
            if queued and (opened is None or opened.stream is None):
                self.queues.leave(spec)
        now = clock.monotonic()
        records.append(
            AttemptRecord(
                upstream=spec.name,
                model=spec.model,
                fault=failure.fault if failure else opened.fault if opened else None,
                status=failure.seen_status if failure else answer.status if answer else None,
                elapsed_ms=(now - begun) * 1000,
                prompt_version=attempt.prompt_version.id if attempt.prompt_version else None,
                cut_off=cut.id if cut else None,
            )
        )
        # What the caller's haste ended says something about the upstream only where its own time was up too.
        fair = not expired or now - begun >= self._limit(call, spec)
        if cut is None and fair and (failure is None or isinstance(failure, TooSlow)):
            self.timers.began(spec, len(call.body), now - begun, whole=is_whole(call))
        if failure is not None:
            if fair:
                self.failed(attempt, call.id, failure)
            if expired:
                raise out_of_time(call) from failure
            raise failure
        if opened is not None and opened.swapped is not None:
            self.failed(attempt, call.id, opened.swapped)
        elif not call.peek.stream:
            board.answered(spec, now)
        return opened

    def failed(self, attempt: Attempt, exchange: str, error: UpstreamError) -> None:
        """Counts a failure, and reports what is held or doubted from now on, unless it was drilled."""
        if error.fault == FELL_BACK:
            # The model declined, which is no failure.
            return
        board = self.board_for(attempt, exchange)
        held = board.failed(attempt.upstream, error, self._clock.monotonic())
        if held is not None and board is self.board:
            self._on_held(held[0], attempt.upstream.name, error.fault)
        if board is self.board:
            self._identity.alarm(attempt.upstream, error)

    async def _may_retry(self, name: str, errors: list[UpstreamError]) -> bool:
        if not errors or errors[-1].retry != "once":
            return False
        return await self._pause(name, 0.0)

    async def _pause(self, name: str, wait: float) -> bool:
        """Waits so long and a little more before asking an upstream again; False at once without budget for it."""
        retried, retrying = self._retried.get(name, 0), self._retrying.get(name, 0)
        if retrying >= RETRIES_AT_ONCE and retried >= RETRY_SHARE * self._asked.get(name, 0):
            return False
        self._retried[name] = retried + 1
        self._retrying[name] = retrying + 1
        try:
            await self._clock.sleep(wait + LEAST_JITTER_S + (LONGEST_JITTER_S - LEAST_JITTER_S) * self._rng.random())
        finally:
            self._retrying[name] -= 1
        return True

    def _limit(self, call: Call, spec: UpstreamSpec) -> float:
        """How long an attempt may take until its first content while another is left."""
        configured = call.process.first_content_timeout
        learned = self.timers.first(spec, len(call.body), whole=is_whole(call))
        return configured if learned is None else min(learned, configured)

    def paused(self, call: Call, opened: Opened, silence: float | None) -> None:
        """Learns the longest silence of a stream, unless it was drilled."""
        if silence is not None and meets(opened.attempt.drill_cut, call.id) is None:
            self.timers.paused(opened.attempt.upstream, len(call.body), silence)


def first_choice(call: Call) -> str:
    """The upstream that serves such calls while nothing is lost."""
    process = call.process
    return process.embeddings[0] if process.embeddings and NEEDS_VECTORS in call.peek.needs else process.baseline


def _kind(plan: Plan, call: Call) -> type[Spent]:
    """What it is that nothing is left."""
    if not plan.attempts and any(one.unable for one in plan.skipped):
        return NoVectors if NEEDS_VECTORS in call.peek.needs else NoCount
    if not plan.attempts and any(one.by_policy for one in plan.skipped):
        return NotPermitted
    return Spent


def why(plan: Plan, call: Call, errors: list[UpstreamError]) -> str:
    """One plain sentence: what was tried, and why nothing else could be; for what nobody does, what to do about it."""
    kind = _kind(plan, call)
    said = _why(plan, call, errors)
    if kind is NoVectors:
        return f"{said} Name an upstream with an embedding model under processes.{call.process.name}.embeddings."
    if kind is NoCount:
        return f"{said} Leave the count out, or estimate it; an upstream of kind anthropic or local would count."
    return said


def _why(plan: Plan, call: Call, errors: list[UpstreamError]) -> str:
    baseline = first_choice(call)
    tried = [str(error) for error in errors]
    passed = [f"{one.upstream}: {one.reason}" for one in plan.skipped if one.upstream != baseline]
    lost = [f"baseline {baseline}: {one.reason}" for one in plan.skipped if one.upstream == baseline]
    if passed:
        side = not SIDE_NEEDS.isdisjoint(call.peek.needs)
        other = "upstream with the same model" if side else "replacement with a proof in date"
        rest = f"no {'other ' if tried else ''}{other} may serve ({'; '.join(passed)})"
    elif len(plan.attempts) <= 1 and not call.process.fallbacks:
        rest = "no replacement is configured"
    else:
        rest = "no attempt is left"
    return f"{call.process.name}: {'; '.join([*tried, *lost, rest])}."


def is_whole(call: Call) -> bool:
    """True when nothing is sent on before the answer is complete."""
    return not call.peek.stream or call.peek.holds or call.process.midstream == "hold"


def out_of_time(call: Call) -> OutOfTime:
    """What a caller is told whose deadline has passed."""
    return OutOfTime(
        f"{call.process.name}: no answer began within the {call.patience:g} s this caller waits; "
        "wait longer, or ask for a shorter answer or a stream"
    )


def all_busy(errors: list[UpstreamError]) -> bool:
    """True when every attempt was merely asked to slow down."""
    return bool(errors) and all(isinstance(error, RateLimited) for error in errors)
