"""Two years ahead under named price changes. Pure; money is Decimal.

The changes are the scenarios boards ask for; real price mechanisms are dated events of different sizes, so these are a
range to think with and no forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

CHANGES = (-30, 0, 30, 50)
MONTHS = 24
SECONDS_PER_MONTH = Decimal(2_629_800)  # a twelfth of a Julian year


@dataclass(frozen=True, slots=True)
class Scenario:
    """``change`` in percent from the first month on; ``cumulative`` has one amount per month, in USD."""

    change: int
    monthly: Decimal
    cumulative: tuple[Decimal, ...]

    @property
    def total(self) -> Decimal:
        """Spend over all months."""
        return self.cumulative[-1]


def per_month(spent: Decimal, seconds: float) -> Decimal:
    """Spend observed over a window, at the same rate for a month. Raises ValueError for a window of no length."""
    if seconds <= 0:
        raise ValueError("the window has no length")
    return spent * SECONDS_PER_MONTH / Decimal(str(seconds))


def project(monthly: Decimal, changes: Sequence[int] = CHANGES, months: int = MONTHS) -> tuple[Scenario, ...]:
    """The same usage for ``months`` under each change of price."""
    scenarios = []
    for change in changes:
        each = monthly * (100 + change) / 100
        scenarios.append(Scenario(change, each, tuple(each * month for month in range(1, months + 1))))
    return tuple(scenarios)
