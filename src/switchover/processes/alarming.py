"""Decides what people are to be told of budgets: each thing once, whoever of several keepers sees it first.

An alert is saved with its deliveries in one transaction: a keeper that is killed between deciding and delivering has
lost nothing, and whoever comes next delivers it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from switchover.clock import Clock
from switchover.costs.budget import Span, amount, mark_reached, span
from switchover.costs.forecast import Forecast, forecast
from switchover.costs.tariffs import limited
from switchover.domain.alert import Alert, AlertKind
from switchover.domain.budget import PERIODS, USD, Period, Tariff, budgets_named, key_budgets, limits_keys
from switchover.domain.process import Budget, Settings
from switchover.domain.register import CallerKey
from switchover.evidence import events
from switchover.evidence.log import Event
from switchover.log import Level, Log
from switchover.notify import wording
from switchover.store import Store
from switchover.store.alerts import raise_alert
from switchover.store.ledger import Account
from switchover.store.register import caller_keys

from .budgeting import Budgeting

# A forecast looks at hours and days.
FORECAST_S = 30.0
KEYS_S = 10.0
ALL = 100


class Alarming:
    """Looks at what budgets have come to, and raises alerts."""

    def __init__(self, clock: Clock, log: Log, budgeting: Budgeting) -> None:
        self.clock, self.log, self.budgeting = clock, log, budgeting
        # What is known to have been raised; the store has the last word.
        self._known: set[tuple[object, ...]] = set()
        self._keys: list[CallerKey] = []
        self._keys_at = self._forecast_at = clock.monotonic()
        self._priced: Mapping[str, Tariff] | None = None

    def look(self, settings: Settings, store: Store) -> Iterator[Event]:
        """Raises what is new, one after the other; what is to be noted of it."""
        for one in self._wanted(settings, store):
            if self._is_new(settings, store, one):
                self._tell(one)
                if one.kind in (AlertKind.REACHED, AlertKind.WILL_NOT_LAST):
                    yield events.budget(
                        one.about, one.period, one.percent or None, one.settled, one.unknown, one.amount, one.ends_at
                    )

    def _wanted(self, settings: Settings, store: Store) -> Iterator[Alert]:
        accounts = self.budgeting.accounts
        if accounts is None:
            return
        now = self.clock.now()
        foretells = self.clock.monotonic() >= self._forecast_at
        if foretells:
            self._forecast_at = self.clock.monotonic() + FORECAST_S
        for budget, terms in self._budgets(settings, store):
            for period in PERIODS:
                cap, at = amount(terms, period), span(period, now)
                account = accounts.get((budget, at.name))
                if cap is not None and account is not None:
                    yield from self._of(budget, terms, period, at, cap, account, foretells)
        yield from self._without_price(settings, now)

    def _of(
        self, budget: str, terms: Budget, period: Period, at: Span, cap: int, account: Account, foretells: bool
    ) -> Iterator[Alert]:
        mark, now = mark_reached(cap, account.settled), self.clock.now()
        is_new = mark is not None and (AlertKind.REACHED, budget, at.name, cap, mark) not in self._known
        if not is_new and not foretells:
            return
        found = Forecast()
        if account.settled < cap:
            seen = self.budgeting.seen.get((budget, at.name), ())
            found = forecast(cap, account.settled, period, at, now, seen)
        spent = {"settled": account.settled, "unknown": account.unknown}
        if mark is not None and is_new:
            yield wording.budget_reached(
                budget, terms, at.name, cap, mark, **spent, ends_at=found.ends_at, over=at.end, at=now
            )  # fmt: skip
        if found.ends_at is not None and found.total is not None:
            yield wording.budget_will_not_last(
                budget, at.name, cap, **spent, ends_at=found.ends_at, total=found.total, over=at.end, at=now
            )  # fmt: skip

    def _budgets(self, settings: Settings, store: Store) -> Iterator[tuple[str, Budget]]:
        yield from budgets_named(settings).items()
        if limits_keys(settings):
            if self.clock.monotonic() >= self._keys_at:
                self._keys_at, self._keys = self.clock.monotonic() + KEYS_S, caller_keys(store)
            yield from key_budgets(settings, self._keys).items()

    def _without_price(self, settings: Settings, now: float) -> Iterator[Alert]:
        """Upstreams whose price is gone: the configuration is refused without, but a published one may end."""
        prices = self.budgeting.prices(settings)
        if prices is not self._priced:
            for spec, _ in limited(settings):
                if spec.name not in prices:
                    yield wording.price_missing(spec.name, span("month", now).name, at=now)
            # Once all of them are saved.
            self._priced = prices

    def _is_new(self, settings: Settings, store: Store, alert: Alert) -> bool:
        """Whether nobody raised it yet."""
        known = (alert.kind, alert.about, alert.period, alert.amount, alert.percent)
        if known in self._known:
            return False
        raised = raise_alert(store, alert, settings.alerts.names)
        self._known.add(known)
        return raised

    def _tell(self, alert: Alert) -> None:
        if alert.kind is AlertKind.NO_PRICE:
            self.log("price missing", level="error", alert=alert.id, about=alert.about)
            return
        about: dict[str, object] = {"alert": alert.id, "budget": alert.about, "period": alert.period}
        spent = {"settled_usd": alert.settled / USD, "unknown_usd": alert.unknown / USD, "cap_usd": alert.amount / USD}
        if alert.kind is AlertKind.WILL_NOT_LAST:
            self.log("budget will not last", level="warning", ends_at=alert.ends_at, **about, **spent)
        else:
            level: Level = "error" if alert.percent >= ALL else "warning"
            self.log("budget reached", level=level, percent=alert.percent, **about, **spent)
