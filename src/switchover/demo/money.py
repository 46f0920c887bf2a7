"""The demo's money: what was spent before today is in the ledger, caps lie a little above, and a vendor has billed."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from switchover.access.local import local
from switchover.costs.budget import Ask, span
from switchover.costs.spent import provider_of, spent_of
from switchover.domain.budget import ORGANISATION, USD
from switchover.domain.process import Settings
from switchover.store import Store
from switchover.store.ledger import Ledger
from switchover.store.spending import spend_rows
from switchover.wiring.invoices import import_invoice
from switchover.wiring.spent import month_of

from . import setting

ACME = "acme"
HOLDER = "made-up-past"
# Of each cap, what is spent: one that is nearly used up, one that is on its way.
NEARLY, WELL = Decimal("0.93"), Decimal("0.7")
# By how much the bill is above what was metered.
OVERCHARGED = Decimal("1.04")


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent this month, in USD, by the name of a budget."""

    by_budget: dict[str, Decimal]

    def less(self, other: Spent) -> Spent:
        """What came on top of another's."""
        return Spent({name: amount - other.by_budget.get(name, Decimal(0)) for name, amount in self.by_budget.items()})

    def cap(self, budget: str, share: Decimal) -> str:
        """A cap of which ``share`` is spent, in USD as the configuration takes it."""
        return f"{max(self.by_budget.get(budget, Decimal(0)) / share, Decimal('0.01')):.2f}"


def caps(whole: Spent) -> dict[str, str]:
    """Caps for the configuration, by the name of a budget."""
    shares = {setting.ORGANISATION: WELL, setting.ACME: NEARLY, setting.CLAIMS: WELL}
    return {name: whole.cap(name, share) for name, share in shares.items()}


def spent(store: Store, settings: Settings, now: float) -> Spent:
    """What the month of ``now`` (Unix seconds) has come to, by the spending on record."""
    month = span("month", now)
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in spend_rows(store, month.begin, month.end, ("process", "upstream", "provider")):
        for budget in (ORGANISATION, f"provider:{provider_of(settings, row)}", f"process:{row['process']}"):
            found[budget] += spent_of(row)
    return Spent(dict(found))


def settle(settings: Settings, before: Spent, now: float) -> None:
    """Enters what was spent before into the ledger, as a worker of then would have."""
    ledger = Ledger.open(settings.data_dir, settings.database)
    period = span("month", now).name
    asks = [
        Ask(budget=budget, period=period, limit=None, settled=int(amount * USD), unknown=0, returned=0, need=0, want=0)
        for budget, amount in before.by_budget.items()
        if budget in setting.CAPS
    ]
    try:
        ledger.exchange(HOLDER, asks, lambda _ask, _settled, _leased: 0)
        ledger.end(HOLDER, None)
    finally:
        ledger.close()


def billed(store: Store, settings: Settings, now: float, folder: Path) -> Path | None:
    """Takes in last month's bill of the vendor, a little above what was metered; None where nothing was."""
    before = span("month", span("month", now).begin - 1)
    by_model: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in spend_rows(store, before.begin, before.end, ("upstream", "provider", "model")):
        if provider_of(settings, row) == ACME:
            by_model[str(row["model"])] += spent_of(row) * OVERCHARGED
    if not by_model:
        return None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{ACME}-{before.name}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("date", "model", "amount", "currency"))
        rows.writerows(
            (f"{datetime.fromtimestamp(before.end - 1, UTC):%Y-%m-%d}", model, f"{amount:.6f}", "USD")
            for model, amount in sorted(by_model.items())
        )
    month = month_of(before.name)
    import_invoice(settings, local(), path, ACME, month, columns={}, rate=None, rate_source=None, replace=True)
    return path
