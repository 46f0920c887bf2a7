"""Each provider's month as it was metered, beside what it billed; from the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from switchover.domain.charge import BILLIONTH, Basis
from switchover.domain.process import Settings
from switchover.store import Store
from switchover.store.invoices import invoices
from switchover.store.spending import spend_rows

from .reconcile import Difference, Metered, compare
from .spent import NOT_KNOWN, Month, Share, provider_of, spent_of

# Our own machines, as the provider behind them is called: they send no invoice.
OWN = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """A month by provider, in USD: what was ``metered`` and ``billed``, and the estimates among it by process."""

    metered: Mapping[str, Metered]
    billed: Mapping[str, Decimal]
    estimates: Mapping[str, Mapping[str, Decimal]]

    def differences(self, month: str, tolerance: str) -> list[Difference]:
        """Metered beside billed by provider, without what nobody bills; ``tolerance`` in percent of the bill."""
        share = Decimal(tolerance) / 100
        return [
            compare(name, month, self.metered.get(name, Metered()), self.billed.get(name), share)
            for name in sorted({*self.metered, *self.billed})
            if name != OWN or name in self.billed
        ]


def billed(store: Store, settings: Settings, month: Month) -> Billed:
    """A month, as the store has it."""
    shares: defaultdict[str, Share] = defaultdict(Share)
    estimates: defaultdict[str, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in spend_rows(store, month.begin, month.end, ("process", "upstream", "provider", "basis", "ending")):
        name = provider_of(settings, row)
        if name in (OWN, NOT_KNOWN) and not spent_of(row):
            continue
        shares[name].take(row, int(row["calls"]), spent_of(row))
        if row["basis"] == Basis.ESTIMATED:
            estimates[name][row["process"]] += spent_of(row)
    invoiced: defaultdict[str, Decimal] = defaultdict(Decimal)
    for bill in invoices(store, month.name):
        invoiced[bill.provider] += Decimal(bill.amount) / BILLIONTH
    return Billed(
        metered={
            name: Metered(settled=one.settled, estimated=one.estimated, unpriced=one.unpriced)
            for name, one in shares.items()
        },
        billed=dict(invoiced),
        estimates={name: dict(one) for name, one in estimates.items()},
    )
