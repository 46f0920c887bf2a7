"""What was metered beside what was billed, by provider and month; and what a bill says of unknown spend. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """What one provider was metered for in a month, in USD. ``unpriced`` calls have no price."""

    settled: Decimal = Decimal(0)
    estimated: Decimal = Decimal(0)
    unpriced: int = 0

    @property
    def total(self) -> Decimal:
        """All that has a price."""
        return self.settled + self.estimated


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One provider's month, in USD. ``invoiced`` None: no invoice was imported. ``share`` is of what was invoiced.

    ``within``: the difference is within the tolerance; None where there is nothing to compare.
    """

    provider: str
    month: str
    metered: Metered
    invoiced: Decimal | None
    difference: Decimal | None
    share: Decimal | None
    within: bool | None


def compare(provider: str, month: str, metered: Metered, invoiced: Decimal | None, tolerance: Decimal) -> Difference:
    """What was billed less what was metered. A bill of nothing is within any tolerance only of nothing metered."""
    if invoiced is None:
        return Difference(
            provider=provider, month=month, metered=metered, invoiced=None, difference=None, share=None, within=None
        )
    difference = invoiced - metered.total
    share = difference / invoiced if invoiced else None
    within = abs(share) <= tolerance if share is not None else not difference
    return Difference(
        provider=provider, month=month, metered=metered, invoiced=invoiced, difference=difference, share=share,
        within=within,
    )  # fmt: skip


def really_unknown(invoiced: Decimal, metered: Metered, estimates: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """What each process's calls of unknown usage did cost, by the bill: what it has beyond all that was settled.

    ``estimates`` are those of each process at this provider; the rest is shared by them.
    """
    rest = max(invoiced - metered.settled, Decimal(0))
    whole = sum(estimates.values(), Decimal(0))
    return {name: rest * one / whole if whole else Decimal(0) for name, one in estimates.items()}
