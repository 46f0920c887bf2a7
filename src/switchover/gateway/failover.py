"""Walks the attempts of a plan until one answers."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Mapping

from switchover.clock import Clock
from switchover.domain.cut_off import CutOff
from switchover.domain.exchange import AttemptRecord, Usage
from switchover.domain.ports import Upstream
from switchover.domain.process import UpstreamSpec
from switchover.errors import BadRequest, BudgetExceeded, BudgetUnavailable, RateLimited, TooSlow, UpstreamError
from switchover.planning import Attempt, Board, BreakerState, Pause, Plan, Queues, Timers

from .admit import Call
from .attempt import Artefacts, AskWith, ask, meets, open_answer, render, speaking, telling_usage
from .budget import Budgets
from .guard import OUT_OF_TIME, TICK_S, TOO_SLOW, Guard
from .identity import FELL_BACK, Identity
from .opened import Opened
from .retries import LONGEST_JITTER_S, Retries
from .spending import Spending
from .spent import Spent, first_choice, kind_of, out_of_time, short_of_money, why

MAX_ATTEMPTS = 3
LAST_ATTEMPT_S = 600.0
# The longest Retry-After that is waited for.
LONGEST_WAIT_S = 60.0
# The least Retry-After that a caller is told.
LEAST_TOLD_S = 1.0

OnHeld = Callable[[str, str, str], None]
Replan = Callable[[Call], Plan]


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
        budgets: Budgets,
        workers: int = 1,
    ) -> None:
        self.budgets = budgets
        self._upstream, self._clock, self._artefacts = upstream, clock, artefacts
        self._on_held, self._identity = on_held, identity
        self.queues = Queues(workers)
        self.board = Board()
        self.drills: dict[str, Board] = {}
        self.timers = Timers()
        self.retries = Retries(clock, rng)
        self._probing: set[str] = set()

    def board_for(self, attempt: Attempt, exchange: str) -> Board:
        """The board that this exchange's attempt counts on."""
        cut = attempt.drill_cut
        if cut is None or not cut.reaches(exchange):
            return self.board
        return self.drills.setdefault(cut.id, Board())

    async def walk(self, call: Call, plan: Plan, guard: Guard, records: list[AttemptRecord], replan: Replan) -> Opened:
        """The first answer. Raises Spent, OutOfTime, or the RequestRejected or BadRequest that stops the walk.

        Raises BudgetExceeded or BudgetUnavailable when what is left to be tried costs more than may be spent.

        ``replan`` tells, after a wait, whether the plan still holds.
        """
        errors: list[UpstreamError] = []
        refused: BadRequest | None = None
        short: BudgetExceeded | BudgetUnavailable | None = None
        final = len(plan.attempts) - 1
        paused = {one.upstream: one.pause for one in plan.skipped if one.pause is not None}
        for place, attempt in enumerate(plan.attempts):
            # What failed just now may have been asked to wait, and share its credential.
            pause = self._paused(attempt, call) if errors else None
            if pause is not None:
                paused[attempt.upstream.name] = pause
                continue
            for again in (False, True):
                if len(records) >= MAX_ATTEMPTS:
                    break
                if again and (errors[-1].retry != "once" or not await self.retries.pause(attempt.upstream.name)):
                    break
                last = place == final or len(records) == MAX_ATTEMPTS - 1
                try:
                    opened = await self.try_one(call, attempt, guard, records, last)
                except BadRequest as error:
                    refused = refused or error
                    break
                except (BudgetExceeded, BudgetUnavailable) as error:
                    short = short or error
                    if error.stops and attempt.upstream.name == first_choice(call):
                        raise
                    break
                except UpstreamError as error:
                    errors.append(error)
                    if error.stops and place == 0:
                        raise
                    continue
                if opened is not None:
                    return opened
                break
        if short is not None:
            raise short_of_money(short, errors)
        if refused is not None and not errors and not paused:
            raise refused
        opened = await self._after_wait(call, paused, guard, records, errors, replan)
        if opened is not None:
            return opened
        tried = {one.upstream for one in records}
        asked = [self._busy(name, pause) for name, pause in paused.items() if name not in tried]
        kind = Spent if asked else kind_of(plan, call)
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
        if not await self.retries.pause(name, wait):
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
        self.retries.asked(spec.name)
        if probe:
            self._probing.add(spec.name)
        if call.trace is not None:
            call.trace.began(spec, begun)
        longest = LAST_ATTEMPT_S if last else self._limit(call, spec)
        guard.arm(*((longest, TOO_SLOW) if longest <= left else (left, OUT_OF_TIME)))
        failure: UpstreamError | None = None
        opened: Opened | None = None
        status: int | None = None
        expired = False
        try:
            opened, status = await self._ask(call, attempt, cut, len(records) + 1, ask_with)
        except UpstreamError as error:
            failure, status = error, error.seen_status
        except (BadRequest, BudgetExceeded, BudgetUnavailable):
            if call.trace is not None:
                call.trace.unsent()
            raise
        except asyncio.CancelledError:
            expired = guard.take(OUT_OF_TIME)
            if not expired and not guard.take(TOO_SLOW):
                # The caller left: no fault of the upstream's, and it may bill what it was asked.
                records.append(_record(attempt, cut, None, None, clock.monotonic() - begun))
                raise
            failure = TooSlow(f"{spec.name} was too slow")
        finally:
            guard.disarm()
            if probe:
                self._probing.discard(spec.name)
        now = clock.monotonic()
        fault = failure.fault if failure else opened.fault if opened else None
        records.append(_record(attempt, cut, fault, status, now - begun, failure.usage if failure else None))
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

    async def _ask(
        self, call: Call, attempt: Attempt, cut: CutOff | None, number: int, ask_with: AskWith | None
    ) -> tuple[Opened, int]:
        """The answer up to its commit point, and its status. What is none is closed and raised."""
        spec, answer, opened = attempt.upstream, None, None
        spending: Spending | None = None
        if spec.kind == "local":
            self.queues.enter(spec, call.process.criticality)
        try:
            if ask_with is None:
                upstream = speaking(self._upstream(spec), call, attempt)
                body, dropped = render(call, attempt, upstream.dialect, self._artefacts)
            else:
                upstream, body, dropped = ask_with(self._upstream(spec))
            purse = self.budgets.charges(call, spec)
            if purse is not None:
                body = telling_usage(call, spec, upstream.dialect, body)
                # Before the first byte leaves.
                spending = self.budgets.reserve(call, spec, purse, body) or await self.budgets.wait(call, spec, body)
            answer = await ask(call, upstream, body, cut, number)
            rest = ask_with is not None
            made = await open_answer(call, attempt, upstream, answer, dropped, body, may_be_empty=rest)
            self._identity.check(call, spec, made)
            opened = made
            if spending is not None:
                if made.stream is None:
                    spending.ended(made.usage, made.fault)
                else:
                    made.spending = spending
        except BaseException as error:
            if spending is not None:
                spending.failed(error, answer.status if answer is not None else None)
            raise
        finally:
            if answer is not None and opened is None:
                answer.close()
            # What a stream still has to send keeps its place: whoever ends it gives that back.
            if spec.kind == "local" and (opened is None or opened.stream is None):
                self.queues.leave(spec)
        return opened, answer.status

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

    def _limit(self, call: Call, spec: UpstreamSpec) -> float:
        """How long an attempt may take until its first content while another is left."""
        configured = call.process.first_content_timeout
        learned = self.timers.first(spec, len(call.body), whole=is_whole(call))
        return configured if learned is None else min(learned, configured)

    def paused(self, call: Call, opened: Opened, silence: float | None) -> None:
        """Learns the longest silence of a stream, unless it was drilled."""
        if silence is not None and meets(opened.attempt.drill_cut, call.id) is None:
            self.timers.paused(opened.attempt.upstream, len(call.body), silence)


def _record(
    attempt: Attempt,
    cut: CutOff | None,
    fault: str | None,
    status: int | None,
    elapsed: float,
    usage: Usage | None = None,
) -> AttemptRecord:
    return AttemptRecord(
        upstream=attempt.upstream.name,
        model=attempt.upstream.model,
        fault=fault,
        status=status,
        elapsed_ms=elapsed * 1000,
        prompt_version=attempt.prompt_version.id if attempt.prompt_version else None,
        cut_off=cut.id if cut else None,
        usage=usage,
    )


def is_whole(call: Call) -> bool:
    """True when nothing is sent on before the answer is complete."""
    return not call.peek.stream or call.peek.holds or call.process.midstream == "hold"
