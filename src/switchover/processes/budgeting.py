"""What the keeper does for budgets: prices for the workers, leases of workers that are gone, and alarms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from switchover.clock import Clock
from switchover.costs.budget import amount, ends_at, marks_reached, span
from switchover.costs.holding import settle_the_dead
from switchover.costs.tariffs import next_price, tariffs
from switchover.domain.budget import PERIODS, USD, Tariff
from switchover.domain.process import Budget, Settings
from switchover.errors import StoreUnavailable
from switchover.evidence import events
from switchover.evidence.log import Event
from switchover.log import Level, Log, OncePerChange
from switchover.store.ledger import Account, Ledger

LOOK_S = 1.0
# Published prices change by date and by the hour.
PRICES_S = 900.0
# Not a mark of the cap: the budget will not last, at the pace so far.
PROJECTED = -1
ALL = 100


class Budgeting:
    """Looks once a second while there is a budget; ``trouble`` is why the ledger can't be used, or nothing."""

    def __init__(self, data: Path, clock: Clock, log: Log, say: OncePerChange) -> None:
        self.data, self.clock, self.log, self.say = data, clock, log, say
        self.trouble = ""
        self._ledger: Ledger | None = None
        self._database = ""
        self._look_at = self._price_at = clock.monotonic()
        self._priced: tuple[Settings, Mapping[str, Tariff]] | None = None
        self._told: set[tuple[str, str, int]] = set()

    def prices(self, settings: Settings) -> Mapping[str, Tariff]:
        """The tariffs that workers go by; found anew every quarter of an hour, and when a dated price begins."""
        now = self.clock.monotonic()
        if self._priced is None or self._priced[0] is not settings or now >= self._price_at:
            at = self.clock.now()
            self._price_at = now + min(PRICES_S, next_price(settings, at) - at)
            self._priced = settings, tariffs(settings, at)
        return self._priced[1]

    def look(self, settings: Settings) -> list[Event]:
        """Settles what dead workers left, and tells which budgets have reached a mark: what is to be noted of it."""
        now = self.clock.monotonic()
        budgets = dict(_budgets(settings))
        if not budgets or now < self._look_at:
            return []
        self._look_at = now + LOOK_S
        try:
            found = self._look(settings, budgets)
            self.trouble = ""
        except StoreUnavailable as error:
            found, self.trouble = [], str(error)
        said = "budget ledger can't be used: workers spend what they hold" if self.trouble else "budget ledger in use"
        self.say("budgets", said, self.trouble, level="error" if self.trouble else "info")
        return found

    def close(self) -> None:
        """Closes the ledger."""
        if self._ledger is not None:
            self._ledger.close()

    def _look(self, settings: Settings, budgets: Mapping[str, Budget]) -> list[Event]:
        if self._ledger is None or self._database != settings.database:
            self.close()
            self._ledger, self._database = Ledger.open(self.data, settings.database), settings.database
        for holder in settle_the_dead(self._ledger, self.data):
            self.log("leases of a dead worker settled", level="warning", holder=holder)
        accounts = {(one.budget, one.period): one for one in self._ledger.accounts()}
        return [event for name, budget in budgets.items() for event in self._alarms(name, budget, accounts)]

    def _alarms(self, name: str, budget: Budget, accounts: Mapping[tuple[str, str], Account]) -> Iterator[Event]:
        now = self.clock.now()
        for period in PERIODS:
            cap, at = amount(budget, period), span(period, now)
            account = accounts.get((name, at.name))
            if cap is None or account is None:
                continue
            ends, marks = ends_at(cap, account.settled, at, now), list(marks_reached(cap, account.settled))
            if ends is not None and account.settled < cap:
                marks.append(PROJECTED)
            for mark in marks:
                if self._is_new(name, at.name, mark):
                    self._tell(name, account, cap, mark, ends)
                    percent = None if mark == PROJECTED else mark
                    yield events.budget(name, at.name, percent, account.settled, account.unknown, cap, ends)

    def _tell(self, name: str, account: Account, cap: int, mark: int, ends: float | None) -> None:
        spent = {"settled_usd": account.settled / USD, "unknown_usd": account.unknown / USD, "cap_usd": cap / USD}
        if mark == PROJECTED:
            self.log("budget will not last", level="warning", budget=name, period=account.period, ends_at=ends, **spent)
        else:
            level: Level = "error" if mark >= ALL else "warning"
            self.log("budget reached", level=level, budget=name, period=account.period, percent=mark, **spent)

    def _is_new(self, name: str, period: str, mark: int) -> bool:
        """Whether nobody told it yet: each is told once, whoever of several keepers sees it first."""
        told = (name, period, mark)
        if told in self._told or self._ledger is None:
            return False
        self._told.add(told)
        return self._ledger.mark(*told)


def _budgets(settings: Settings) -> Iterator[tuple[str, Budget]]:
    for name, process in settings.processes.items():
        if process.budget is not None:
            yield f"process:{name}", process.budget
    yield from settings.budgets.items()
