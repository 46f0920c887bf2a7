"""What calls outside live traffic may spend of the budgets: reserved before a call, settled after it, as live ones are.

A trial holds leases as a worker does, in a file that outlives it. It never takes the last of a cap: so much is left to
callers, who can't wait until the month is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from switchover.clock import Clock
from switchover.costs.budget import Lease, amount, reserve, settle, span
from switchover.costs.holding import LedgerHolding
from switchover.costs.tariffs import tariff
from switchover.domain.budget import ADDED_TOKENS, MOST_MICRO_USD, PERIODS, Tariff, dollars, is_free, limits_on
from switchover.domain.exchange import Usage
from switchover.domain.process import Process, Settings, UpstreamSpec
from switchover.errors import StoreUnavailable

# Of a hard cap this share is for callers alone.
LEFT_TO_LIVE = 0.2
# The ledger hears of what was spent at least so often.
EVERY_S = 1.0
PRICES_S = 900


class OverBudget(Exception):
    """A call that the budgets leave no room for; nothing was asked. Says why."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is reserved for one call, at most ``bound`` micro-USD."""

    leases: Sequence[Lease]
    rates: Tariff
    bound: int

    def settle(self, usage: Usage | None) -> None:
        """Puts what it cost in the place of that; what nobody told (None), or can't be, counts whole."""
        if usage is None or usage.estimated or not usage.adds_up:
            settle(self.leases, self.bound, self.bound, unknown=True)
        else:
            settle(self.leases, self.bound, min(self.rates.cost(usage), MOST_MICRO_USD))

    def release(self) -> None:
        """It costs nothing: the call was turned down."""
        settle(self.leases, self.bound, 0)


class Caps:
    """The leases of one run of trials; used by one thread. ``hold`` makes what it holds in the ledger."""

    def __init__(self, settings: Settings, clock: Clock, hold: Callable[[], LedgerHolding]) -> None:
        self._settings, self._clock, self._hold = settings, clock, hold
        self._holding: LedgerHolding | None = None
        self._leases: dict[tuple[str, str], Lease] = {}
        self._rates: dict[tuple[str, int], Tariff | None] = {}
        self._told_at = float("-inf")

    def reserve(self, process: Process, spec: UpstreamSpec, read: int, written: int) -> Held | None:
        """Reserves the most that reading and writing so many tokens costs; None where no budget is about it.

        Raises OverBudget.
        """
        leases = [] if is_free(spec) else self._about(process, spec)
        if not leases:
            return None
        rates = self._tariff(spec)
        if rates is None:
            raise OverBudget(
                f"{spec.name} has no price, and a budget is about it: state one under upstreams.{spec.name}.price"
            )
        bound = rates.bound(min(read + ADDED_TOKENS, rates.window), min(written, rates.window))
        if self._clock.monotonic() - self._told_at >= EVERY_S:
            self._exchange(0)
            leases = self._about(process, spec)
        if reserve(leases, bound) is not None:
            self._exchange(bound, leases)
            short = reserve(leases, bound)
            if short is not None:
                raise OverBudget(_spent(short, bound))
        return Held(leases, rates, bound)

    def end(self) -> None:
        """Tells the ledger what was spent, and gives the rest back. Raises StoreUnavailable."""
        holding, self._holding = self._holding, None
        self._leases.clear()
        if holding is not None:
            holding.end()

    def _exchange(self, bound: int, leases: Sequence[Lease] = ()) -> None:
        """Tells the ledger what was spent and is idle, and asks for ``bound`` more on each of these leases."""
        now, held = self._clock.now(), list(self._leases.values())
        for lease in leases:
            lease.needed += bound
        try:
            asked = [replace(one.ask(over=now >= one.span.end), limit=_ours(one)) for one in held]
            told = self._held().exchange(asked)
        except StoreUnavailable as error:
            raise OverBudget(f"there is a budget, and its ledger can't be used: {error}") from error
        finally:
            for lease in leases:
                lease.needed -= bound
        self._told_at = self._clock.monotonic()
        if any(one.closed for one in told):
            # Settled whole by somebody who took us for dead; what is under way is paid by that.
            self._holding = None
            self._leases.clear()
            raise OverBudget("its leases of the budgets were closed meanwhile; begin again")
        for lease, ask, one in zip(held, asked, told, strict=True):
            lease.hear(ask, one, self._told_at)
            if now >= lease.span.end and not lease.reserved and lease.free <= 0:
                del self._leases[lease.budget, lease.span.name]
                self._held().forget(lease.budget, lease.span.name)

    def _about(self, process: Process, spec: UpstreamSpec) -> list[Lease]:
        """A lease on each budget that a call is charged to, in each of its periods."""
        found, now = [], self._clock.now()
        for name, budget in limits_on(process, spec, self._settings.budgets).items():
            for period in PERIODS:
                limit = amount(budget, period)
                if limit is None:
                    continue
                key = name, span(period, now).name
                if key not in self._leases:
                    try:
                        counts = self._held().counts(*key)
                    except StoreUnavailable as error:
                        raise OverBudget(f"there is a budget, and its ledger can't be used: {error}") from error
                    hard = budget.kind == "hard"
                    self._leases[key] = Lease(name, span(period, now), limit, counts, hard=hard, at_cap=budget.at_cap)
                found.append(self._leases[key])
        return found

    def _held(self) -> LedgerHolding:
        if self._holding is None:
            self._holding = self._hold()
        return self._holding

    def _tariff(self, spec: UpstreamSpec) -> Tariff | None:
        # A run may outlast a price: those by the hour begin at one of the clock's quarters.
        key = spec.name, int(self._clock.now() // PRICES_S)
        if key not in self._rates:
            self._rates[key] = tariff(spec, self._clock.now())
        return self._rates[key]


def _ours(lease: Lease) -> int | None:
    """Up to where trials may lease of a cap; None: it is soft."""
    return int(lease.limit * (1 - LEFT_TO_LIVE)) if lease.hard else None


def _spent(lease: Lease, bound: int) -> str:
    kept = dollars(lease.limit - int(lease.limit * (1 - LEFT_TO_LIVE)))
    return (
        f"what is left of the {lease.period}'s budget {lease.budget} ({dollars(lease.left)}, of which {kept} are kept "
        f"for callers) does not cover a call of up to {dollars(bound)}"
    )
