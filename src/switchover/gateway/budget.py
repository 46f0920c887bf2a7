"""What a worker may spend: reserved before the first byte leaves, settled after the answer; leases kept filled.

Reserving and settling are sums in memory. The ledger is asked from a thread, once a second and when a lease is short;
only a call that does not fit its leases waits for that, and not for long.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Protocol

from switchover.clock import Clock
from switchover.costs.budget import SOFT, Ask, Lease, Span, Told, amount, reserve, span
from switchover.dialects.side import NEEDS_COUNT
from switchover.domain.budget import PERIODS, Tariff, is_free, limits_on
from switchover.domain.process import Budget, UpstreamSpec
from switchover.domain.register import Snapshot
from switchover.errors import BudgetExceeded, BudgetUnavailable, StoreUnavailable

from .admit import Call
from .bound import bound_of, tokens_in, tokens_out
from .spending import Purse, Spending

# How often the ledger is told what was spent.
EVERY_S = 1.0
# How long a call waits for a lease that is short. The ledger takes some 5 ms; on a slow disk, or while another writes
# much to the store, many times that, and an answer that comes late is better than none.
WAIT_S = 5.0
# For so long the ledger's word that nothing is left is taken without asking again.
SPENT_FOR_S = 0.25
KEY = "key:"

log = logging.getLogger(__name__)


class Holding(Protocol):
    """What this worker holds in the ledger; used from one thread. Both raise StoreUnavailable."""

    def exchange(self, asks: Sequence[Ask]) -> list[Told]:
        """Settles what was spent, takes back what is idle, and grants more."""
        ...

    def counts(self, budget: str, period: str) -> memoryview:
        """Counts for a new lease, in memory that outlives this worker."""
        ...

    def forget(self, budget: str, period: str) -> None:
        """A lease is over."""
        ...

    def end(self) -> None:
        """Gives everything back."""
        ...


class Budgets:
    """Reserves against this worker's leases and keeps them filled.

    ``current()`` is the snapshot in force. ``hold()`` makes what this worker holds in the ledger, once there is a
    budget; it raises StoreUnavailable, and without one nothing is spent that a hard budget is about.
    """

    def __init__(
        self, current: Callable[[], Snapshot], clock: Clock, hold: Callable[[], Holding] | None = None
    ) -> None:
        self._current, self._clock, self._hold = current, clock, hold
        self._holding: Holding | None = None
        self._snapshot: Snapshot | None = None
        # Of the upstream, the process, and the account of the caller's key.
        self._purses: dict[tuple[str, str, str], Purse | None] = {}
        self._leases: dict[tuple[str, str], Lease] = {}
        self._heard: asyncio.Future[bool] | None = None
        self._bell = asyncio.Event()
        self._thread: ThreadPoolExecutor | None = None
        self._task: asyncio.Task[None] | None = None
        self.trouble = ""
        self.refusals: dict[tuple[str, str], int] = {}

    @property
    def leases(self) -> list[Lease]:
        """What this worker holds."""
        return list(self._leases.values())

    async def start(self) -> None:
        """Begins to keep leases filled, on the running loop."""
        snapshot = self._current()
        if snapshot.budgets or any(one.budget or one.key_budget for one in snapshot.processes.values()):
            # Rather now than under the first call.
            with contextlib.suppress(BudgetUnavailable):
                self._held()
        self._task = asyncio.create_task(self._keep(), name="budgets")

    async def stop(self) -> None:
        """Tells the ledger what was spent and gives the rest back."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._holding is not None and self._thread is not None:
            with contextlib.suppress(StoreUnavailable):
                await asyncio.get_running_loop().run_in_executor(self._thread, self._holding.end)
        if self._thread is not None:
            self._thread.shutdown(wait=False)

    def charges(self, call: Call, spec: UpstreamSpec) -> Purse | None:
        """What a call is charged to; None: it costs nothing, or no budget is about it."""
        snapshot = self._current()
        if snapshot is not self._snapshot:
            self._snapshot = snapshot
            self._purses.clear()
        key = (spec.name, call.process.name, call.key)
        try:
            purse = self._purses[key]
        except KeyError:
            purse = self._purses[key] = self._purse(call, spec, snapshot)
        if purse is None or NEEDS_COUNT in call.peek.needs:
            # Counting tokens is free (docs.claude.com/en/docs/build-with-claude/token-counting).
            return None
        if self._clock.now() >= purse.until:
            purse = self._purses[key] = self._purse(call, spec, snapshot)
        return purse

    def reserve(self, call: Call, spec: UpstreamSpec, purse: Purse, body: bytes) -> Spending | None:
        """Reserves what sending ``body`` can cost at most; None where the leases do not hold that much just now."""
        if purse.tariff is None:
            raise BudgetUnavailable(
                f"{spec.name} has no price and a budget of {call.process.name} is about it, so it is not asked; "
                f"state one under upstreams.{spec.name}.price"
            )
        bound = bound_of(call, spec, purse.tariff, body)
        if reserve(purse.leases, bound) is not None:
            return None
        return Spending(call, purse.leases, purse.tariff, bound)

    async def wait(self, call: Call, spec: UpstreamSpec, body: bytes) -> Spending:
        """The same, once the ledger has granted more. Raises BudgetExceeded or BudgetUnavailable."""
        deadline = self._clock.monotonic() + min(WAIT_S, max(call.deadline - self._clock.monotonic(), 0.0))
        while True:
            # Anew each time: a period may have ended, or a lease.
            purse = self.charges(call, spec)
            if purse is None or purse.tariff is None:
                raise BudgetUnavailable(f"{spec.name} has another price just now; ask again")
            bound = bound_of(call, spec, purse.tariff, body)
            short = reserve(purse.leases, bound)
            if short is None:
                return Spending(call, purse.leases, purse.tariff, bound)
            if self._is_spent(short, bound):
                raise self._exceeded(call, spec, purse.tariff, short, bound, body)
            for lease in purse.leases:
                lease.needed += bound
            try:
                if not await self._asked(deadline):
                    raise self._unavailable(call, spec, short)
            finally:
                for lease in purse.leases:
                    lease.needed -= bound

    def _is_spent(self, lease: Lease, bound: int) -> bool:
        """Whether the ledger said just now that there is not so much left."""
        fresh = self._clock.monotonic() - lease.heard_at < SPENT_FOR_S
        return fresh and lease.free + lease.left < bound

    async def _asked(self, deadline: float) -> bool:
        """Waits for the ledger's next word; False when it does not come in time, or is that it can't be had."""
        if self._heard is None or self._heard.done():
            self._heard = asyncio.get_running_loop().create_future()
        self._bell.set()
        left = deadline - self._clock.monotonic()
        if left <= 0:
            return False
        done, _ = await asyncio.wait([self._heard], timeout=left)
        return any(one.result() for one in done)

    def _exceeded(
        self, call: Call, spec: UpstreamSpec, tariff: Tariff, lease: Lease, bound: int, body: bytes
    ) -> BudgetExceeded:
        period = lease.period
        self.refusals[lease.budget, period] = self.refusals.get((lease.budget, period), 0) + 1
        begins = datetime.fromtimestamp(lease.span.end, UTC)
        read, wrote = tokens_in(call, tariff, body), tokens_out(call, spec, tariff)
        return BudgetExceeded(
            f"{call.process.name}: what is left of {named(lease.budget)} for the {period} does not cover this call, "
            f"which may cost up to {bound / 1e6:.4f} USD at {spec.name} ({read} tokens read, {wrote} written); it "
            f"begins anew at {begins:%Y-%m-%d %H:%M} UTC. Ask for a shorter answer (max_tokens), or have the budget "
            "raised; `switchover budget` shows what it went on",
            stops=lease.at_cap == "refuse",
        )

    def _unavailable(self, call: Call, spec: UpstreamSpec, lease: Lease) -> BudgetUnavailable:
        why = "can't be reached" if self.trouble else "did not answer in time"
        return BudgetUnavailable(
            f"{call.process.name}: the ledger of {named(lease.budget)} {why}, and what this gateway holds of it does "
            f"not cover a call to {spec.name}; ask again soon (`switchover doctor` says what is wrong)"
        )

    def _purse(self, call: Call, spec: UpstreamSpec, snapshot: Snapshot) -> Purse | None:
        if is_free(spec):
            return None
        # A call may have been admitted under the snapshot before.
        process = snapshot.processes.get(call.process.name, call.process)
        now, until = self._clock.now(), float("inf")
        leases = []
        for name, budget in limits_on(process, spec, snapshot.budgets, call.key).items():
            for period in PERIODS:
                limit = amount(budget, period)
                if limit is not None:
                    lease = self._lease(name, budget, limit, span(period, now))
                    leases.append(lease)
                    until = min(until, lease.span.end)
        return Purse(tuple(leases), snapshot.tariffs.get(spec.name), until) if leases else None

    def _lease(self, name: str, budget: Budget, limit: int, period: Span) -> Lease:
        lease = self._leases.get((name, period.name))
        if lease is None:
            counts = self._held().counts(name, period.name)
            lease = Lease(name, period, limit, counts, hard=budget.kind == "hard", at_cap=budget.at_cap)
            self._leases[name, period.name] = lease
        lease.limit, lease.hard, lease.at_cap = limit, budget.kind == "hard", budget.at_cap
        lease.counts[SOFT] = int(not lease.hard)
        return lease

    def _held(self) -> Holding:
        if self._holding is None:
            try:
                if self._hold is None:
                    raise StoreUnavailable("this gateway has no ledger", mend="give it one")
                self._holding = self._hold()
            except StoreUnavailable as cause:
                self.trouble = str(cause)
                raise BudgetUnavailable(
                    "there is a budget, and its ledger can't be used, so that nothing is spent; ask whoever runs this "
                    "gateway (`switchover doctor` says what is wrong)"
                ) from cause
        return self._holding

    async def _keep(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), EVERY_S)
            self._bell.clear()
            try:
                await self.exchange()
            except Exception:  # the next second tells it all: what is counted stays in the lease's file
                log.exception("what was spent can't be told to the ledger")

    async def exchange(self) -> None:
        """Tells the ledger what was spent, and hears what there is."""
        now, holding = self._clock.now(), self._holding
        pairs = [(one, one.ask(over=now >= one.span.end, cut_off=bool(self.trouble))) for one in self.leases]
        if any(one.tells_more(ask) for one, ask in pairs):
            # Of those with nothing to tell we hear by the way, but of keys, of which there may be a thousand.
            pairs = [(one, ask) for one, ask in pairs if one.tells_more(ask) or not one.budget.startswith(KEY)]
        else:
            pairs = []
        leases, asked = [one for one, _ in pairs], [ask for _, ask in pairs]
        heard, self._heard = self._heard, None
        is_told = True
        try:
            if holding is not None and asked:
                if self._thread is None:
                    self._thread = ThreadPoolExecutor(1, "budget")
                told = await asyncio.get_running_loop().run_in_executor(self._thread, holding.exchange, asked)
                self._take(holding, leases, asked, told)
                if self.trouble:
                    log.warning("the budget ledger can be reached again")
                self.trouble = ""
        except StoreUnavailable as error:
            if not self.trouble:
                log.warning("the budget ledger can't be reached, only what is held is spent: %s", error)
            self.trouble, is_told = str(error), False
        finally:
            if heard is not None and not heard.done():
                heard.set_result(is_told)

    def _take(self, holding: Holding, leases: Sequence[Lease], asked: Sequence[Ask], told: Sequence[Told]) -> None:
        at = self._clock.monotonic()
        for lease, ask, one in zip(leases, asked, told, strict=True):
            lease.hear(ask, one, at)
            if lease.hard and lease.free < 0:
                log.error("calls on the budget %s cost more than they could have: its prices are too low", lease.budget)
            if self._clock.now() >= lease.span.end and not lease.reserved and lease.free <= 0:
                self._leases.pop((lease.budget, lease.span.name), None)
                holding.forget(lease.budget, lease.span.name)
        if any(one.closed for one in told):
            # Settled whole by somebody who took us for dead; what is under way is paid by that.
            log.error("this worker's leases were closed; it takes new ones")
            self._holding = None
            self._leases.clear()
            self._purses.clear()


def named(budget: str) -> str:
    """A budget in words."""
    kind, _, name = budget.partition(":")
    said = {"process": f"the budget of {name}", "provider": f"the budget at {name}", "key": f"the budget of key {name}"}
    return said.get(kind, "the organisation's budget")
