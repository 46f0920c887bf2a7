"""What the keeper does for budgets: prices for the workers, leases of workers that are gone, and how fast it goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from switchover.clock import Clock
from switchover.costs.budget import span
from switchover.costs.forecast import Seen, slot_of
from switchover.costs.holding import settle_the_dead
from switchover.costs.tariffs import next_price, tariffs
from switchover.domain.budget import PERIODS, Tariff, budgets_named, has_budgets
from switchover.domain.process import Settings
from switchover.errors import StoreUnavailable
from switchover.log import Log, OncePerChange
from switchover.store.ledger import Account, Ledger

LOOK_S = 1.0
# Published prices change by date and by the hour.
PRICES_S = 900.0


class Budgeting:
    """Looks once a second while there is a budget; ``trouble`` is why the ledger can't be used, or nothing.

    ``accounts`` are those of the periods that are now, as the last look found them, and ``seen`` what was settled on
    each before, by budget and period; None: the ledger was not to be had.
    """

    def __init__(self, data: Path, clock: Clock, log: Log, say: OncePerChange) -> None:
        self.data, self.clock, self.log, self.say = data, clock, log, say
        self.trouble = ""
        self.accounts: Mapping[tuple[str, str], Account] | None = None
        self.seen: dict[tuple[str, str], list[Seen]] = {}
        self._ledger: Ledger | None = None
        self._database = ""
        self._look_at = self._price_at = clock.monotonic()
        self._priced: tuple[Settings, Mapping[str, Tariff]] | None = None
        self._slots: dict[tuple[str, str], int] | None = None

    def prices(self, settings: Settings) -> Mapping[str, Tariff]:
        """The tariffs that workers go by; found anew at every quarter of an hour, and when a dated price begins."""
        now = self.clock.monotonic()
        if self._priced is None or self._priced[0] is not settings or now >= self._price_at:
            at = self.clock.now()
            # On the clock's quarters: prices by the hour begin at one of them.
            self._price_at = now + min(PRICES_S - at % PRICES_S, next_price(settings, at) - at)
            self._priced = settings, tariffs(settings, at)
        return self._priced[1]

    def look(self, settings: Settings) -> bool:
        """Settles what dead workers left, and sees what has come of each budget; whether it was time to."""
        now = self.clock.monotonic()
        if not has_budgets(settings):
            self.accounts = None
            return False
        if now < self._look_at:
            return False
        self._look_at = now + LOOK_S
        try:
            self._look(settings)
            self.trouble = ""
        except StoreUnavailable as error:
            self.accounts, self.trouble = None, str(error)
        said = "budget ledger can't be used: workers spend what they hold" if self.trouble else "budget ledger in use"
        self.say("budgets", said, self.trouble, level="error" if self.trouble else "info")
        return not self.trouble

    def close(self) -> None:
        """Closes the ledger."""
        if self._ledger is not None:
            self._ledger.close()

    def _look(self, settings: Settings) -> None:
        if self._ledger is None or self._database != settings.database:
            self.close()
            self._ledger, self._database = Ledger.open(self.data, settings.database), settings.database
            self._slots = None
        for holder in settle_the_dead(self._ledger, self.data):
            self.log("leases of a dead worker settled", level="warning", holder=holder)
        periods = [span(period, self.clock.now()).name for period in PERIODS]
        self.accounts = {(one.budget, one.period): one for one in self._ledger.accounts(periods)}
        self._see(settings, self._ledger, self.accounts)

    def _see(self, settings: Settings, ledger: Ledger, accounts: Mapping[tuple[str, str], Account]) -> None:
        """Keeps what is settled, once in each part of a period; what is kept already is read at the first look."""
        now = self.clock.now()
        if self._slots is None:
            self._slots = {}
            self.seen = {key: [Seen(*one) for one in rows] for key, rows in ledger.seen().items()}
        keys = {budget for budget, _ in accounts if budget.startswith("key:")}
        spans = {period: span(period, now) for period in PERIODS}
        rows = []
        for budget in (*budgets_named(settings), *sorted(keys)):
            for period, at in spans.items():
                key, slot = (budget, at.name), slot_of(at, period, now)
                if self._slots.get(key) != slot:
                    self._slots[key] = slot
                    account = accounts.get(key)
                    rows.append((budget, at.name, slot, now, account.settled if account is not None else 0))
        if not rows:
            return
        names = [at.name for at in spans.values()]
        ledger.see(rows, names)
        for budget, name, _, at_, settled in rows:
            known = self.seen.setdefault((budget, name), [])
            if not known or known[-1].at < at_:
                known.append(Seen(at_, settled))
        for gone in [key for key in self.seen if key[1] not in names]:
            del self.seen[gone]
            self._slots.pop(gone, None)
