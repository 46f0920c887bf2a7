"""Budgets put together: a worker's leases, the ledger for commands, and a configuration whose prices are known."""

from __future__ import annotations

from collections.abc import Mapping

from switchover.config import load
from switchover.costs.budget import amount, ends_at, span
from switchover.costs.holding import LedgerHolding
from switchover.costs.priced import check_prices
from switchover.domain.budget import PERIODS, BudgetStanding
from switchover.domain.process import Budget, Settings
from switchover.store.ledger import Account, Ledger

from .parts import CLOCK


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
    found = ledger(settings)
    try:
        accounts = {(one.budget, one.period): one for one in found.accounts()}
    finally:
        found.close()
    now = CLOCK.now()
    made = []
    for budget, given in named_budgets(settings, process).items():
        for period in PERIODS:
            cap, at = amount(given, period), span(period, now)
            if cap is None:
                continue
            account = accounts.get((budget, at.name), Account(budget=budget, period=at.name))
            made.append(
                BudgetStanding(
                    budget=budget, period=period, name=at.name, kind=given.kind, at_cap=given.at_cap, cap=cap,
                    settled=account.settled, unknown=account.unknown, reserved=account.leased, begins=at.begin,
                    over=at.end, ends_at=ends_at(cap, account.settled, at, now),
                )
            )  # fmt: skip
    return made


def named_budgets(settings: Settings, process: str | None = None) -> dict[str, Budget]:
    """Every budget of the configuration by name, or those that are about one process."""
    own = {f"process:{name}": one.budget for name, one in settings.processes.items() if one.budget is not None}
    if process is None:
        return {**own, **settings.budgets}
    asked = settings.processes[process]
    hosts = {f"provider:{settings.upstreams[name].host}" for name in (*asked.upstreams, *asked.embeddings)}
    wanted = {f"process:{process}", "organisation", *hosts}
    return {name: one for name, one in {**own, **settings.budgets}.items() if name in wanted}
