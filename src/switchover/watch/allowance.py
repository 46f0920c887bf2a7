"""What the watch may still spend today, kept in the store: a restart does not begin the day again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from switchover.clock import Clock
from switchover.costs.tariffs import tariff
from switchover.domain.budget import is_free
from switchover.domain.process import UpstreamSpec, Watch
from switchover.store import Store
from switchover.store.watching import spend, spent

CALLS, REPLAYS, MONEY = "calls", "replays", "micro-usd"


def day_of(at: float) -> str:
    """The UTC day of a moment, as an ISO date."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


class Allowance:
    """Calls and money left of a day. Whatever is taken counts as spent, answered or not."""

    def __init__(self, watch: Watch, store: Store, clock: Clock) -> None:
        self.watch, self.store, self.clock = watch, store, clock

    def take(self, spec: UpstreamSpec, *, calls: int = 1, read: int = 100, written: int = 20) -> bool:
        """Takes calls of at most so many tokens each; False where the day has not so much left.

        Nor does it where money is bounded and nobody knows what the upstream costs: that is never free.
        """
        amounts: list[tuple[str, int, int | None]] = [(CALLS, calls, self.watch.calls_per_day)]
        if self.watch.spend_per_day is not None:
            cost = self.price(spec, read, written)
            if cost is None:
                return False
            amounts.append((MONEY, calls * cost, self.watch.spend_per_day))
        return spend(self.store, day_of(self.clock.now()), amounts)

    def price(self, spec: UpstreamSpec, read: int, written: int) -> int | None:
        """The most that a call with so many tokens costs, in micro-USD; None where that is not known."""
        if is_free(spec):
            return 0
        found = tariff(spec, self.clock.now())
        return None if found is None else found.bound(read, written)

    def replays_left(self, bounds: Mapping[str, int]) -> int:
        """Replays that may still be made today, within the day's bound and those named in ``bounds``."""
        day = day_of(self.clock.now())
        left = [self.watch.replays_per_day - spent(self.store, day, REPLAYS)]
        left += [most - spent(self.store, day, f"{REPLAYS} {name}") for name, most in bounds.items()]
        return max(min(left), 0)

    def money_left(self) -> int | None:
        """Micro-USD that may still be spent today; None where nothing bounds it."""
        most = self.watch.spend_per_day
        return None if most is None else max(most - spent(self.store, day_of(self.clock.now()), MONEY), 0)

    def took(self, process: str, replays: int, cost: int) -> None:
        """Counts replays that were made for a process, and what they cost."""
        day = day_of(self.clock.now())
        spend(self.store, day, [(REPLAYS, replays, None), (f"{REPLAYS} {process}", replays, None), (MONEY, cost, None)])
