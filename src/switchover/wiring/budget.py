"""Budgets put together: a worker's leases, the ledger for commands, and a configuration whose prices are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from switchover.config import load
from switchover.costs.budget import amount, span
from switchover.costs.forecast import Seen, forecast
from switchover.costs.holding import LedgerHolding
from switchover.costs.priced import check_prices
from switchover.domain.budget import PERIODS, BudgetStanding, budgets_named, key_budgets, limits_keys
from switchover.domain.process import Budget, Settings
from switchover.domain.register import CallerKey
from switchover.store.ledger import Account, Ledger

from .parts import CLOCK, has_store, open_store


def load_priced(path: str, env: Mapping[str, str] | None = None) -> Settings:
    """The configuration. Raises ConfigError also where a budget is about an upstream without a price."""
    settings = load(path, env)
    check_prices(settings, CLOCK.now())
    return settings


def holding(settings: Settings, worker: str) -> LedgerHolding:
    """What a worker holds in the ledger. Raises StoreUnavailable."""
    return LedgerHolding(ledger(settings), settings.data_dir, worker)


def ledger(settings: Settings) -> Ledger:
    """The ledger of the configuration."""
    return Ledger.open(settings.data_dir, settings.database)


def standings(settings: Settings, process: str | None = None) -> list[BudgetStanding]:
    """Every budget (or those that calls of one process are charged to) as it stands. Raises StoreUnavailable."""
    now, found = CLOCK.now(), ledger(settings)
    spans = {period: span(period, now) for period in PERIODS}
    try:
        accounts = {(one.budget, one.period): one for one in found.accounts([at.name for at in spans.values()])}
        seen = found.seen()
    finally:
        found.close()
    made = []
    for budget, given in named_budgets(settings, process, _keys(settings, accounts)).items():
        for period, at in spans.items():
            cap = amount(given, period)
            if cap is None:
                continue
            account = accounts.get((budget, at.name), Account(budget=budget, period=at.name))
            known = [Seen(*one) for one in seen.get((budget, at.name), ())]
            ahead = forecast(cap, account.settled, period, at, now, known)
            made.append(
                BudgetStanding(
                    budget=budget, period=period, name=at.name, kind=given.kind, at_cap=given.at_cap, cap=cap,
                    settled=account.settled, unknown=account.unknown, reserved=account.leased, begins=at.begin,
                    over=at.end, ends_at=ahead.ends_at, total=ahead.total,
                )
            )  # fmt: skip
    return made


def _keys(settings: Settings, accounts: Mapping[tuple[str, str], Account]) -> list[CallerKey]:
    """The caller keys that a budget is about and that open the door, or have spent in the periods that are now."""
    if not limits_keys(settings) or not has_store(settings):
        return []
    from switchover.store.register import caller_keys  # a worker asks for none, and is spared SQLAlchemy

    now, spent = CLOCK.now(), {budget for budget, _ in accounts}
    with open_store(settings) as store:
        return [one for one in caller_keys(store) if one.ends_at > now or f"key:{one.account}" in spent]


def without_key(settings: Settings) -> dict[str, str]:
    """The ids under ``budgets.keys`` that cap nothing, and why."""
    named = [name.removeprefix("key:") for name in settings.budgets if name.startswith("key:")]
    if not named:
        return {}
    from switchover.store.register import caller_keys  # a worker asks for none, and is spared SQLAlchemy

    with open_store(settings) as store:
        known = {one.id: one for one in caller_keys(store)}
    found = {}
    for name in named:
        key = known.get(name)
        if key is None:
            found[name] = "there is no such key; see `switchover keys list`"
        elif key.account != name:
            found[name] = f"it was made in the place of {key.account}; name that one: they spend of one budget"
    return found


def named_budgets(settings: Settings, process: str | None = None, keys: Iterable[CallerKey] = ()) -> dict[str, Budget]:
    """Every budget of the configuration and of these ``keys`` by name, or those that are about one process."""
    every = budgets_named(settings)
    if process is None:
        return every | key_budgets(settings, keys)
    asked = settings.processes[process]
    hosts = {f"provider:{settings.upstreams[name].host}" for name in (*asked.upstreams, *asked.embeddings)}
    wanted = {f"process:{process}", "organisation", *hosts}
    found = {name: one for name, one in every.items() if name in wanted}
    return found | key_budgets(settings, [one for one in keys if one.process == process])
