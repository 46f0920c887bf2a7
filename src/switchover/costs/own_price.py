"""What a token costs on a machine of one's own: the machine's month over the tokens that it reads and writes in one.

Depreciation, power, space and people (or the rent) are spread over the time that the machine is busy, so that a machine
that mostly stands by makes each token dear. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from switchover.domain.costing import Assumption

from .assumptions import Chance, Values
from .hosting import MILLION, SECONDS_PER_MONTH, Hosting, busy, flags, monthly, seconds_per_token

# Busier than this for a month no machine is: requests do not come one after the other.
MOST_BUSY = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPrice:
    """USD per million tokens at a ``busy`` share of the time (0–1), of one machine that costs ``month`` USD a month."""

    input_mtok: Decimal
    output_mtok: Decimal
    busy: float
    month: Decimal
    source: str
    flags: tuple[str, ...]


def busy_share(hosting: Hosting, rows: Mapping[str, Assumption], read: float, written: float) -> float:
    """The share of a month that one machine is busy with so many tokens a month, which may be above 1."""
    return float(busy(hosting, read, written, _certain(rows))[0])


def own_month(hosting: Hosting, rows: Mapping[str, Assumption], machines: int) -> Decimal:
    """USD a month for so many machines, with the people who run them. Raises ValueError for what nobody can price."""
    if hosting.lacks is not None:
        raise ValueError(hosting.lacks)
    month = float(monthly(hosting, np.full((1, 1), float(machines)), _certain(rows))[0, 0])
    return Decimal(f"{month:.2f}")


def own_price(hosting: Hosting, rows: Mapping[str, Assumption], share: float) -> OwnPrice:
    """The price at a share of the time busy. Raises ValueError for one that is no share, or what nobody can price."""
    if not 0 < share <= MOST_BUSY:
        raise ValueError(f"busy {share:.2g} of the time; want above 0 and at most {MOST_BUSY}")
    if hosting.lacks is not None:
        raise ValueError(hosting.lacks)
    values = _certain(rows)
    month = float(monthly(hosting, np.ones((1, 1)), values)[0, 0])
    second = month / SECONDS_PER_MONTH / share
    reading, writing = (float(one[0]) for one in seconds_per_token(hosting, values))
    return OwnPrice(
        input_mtok=_usd(reading * second * MILLION),
        output_mtok=_usd(writing * second * MILLION),
        busy=share,
        month=Decimal(f"{month:.2f}"),
        source=f"{hosting.model} on {hosting.machine.id}, busy {share:.0%} of the time; {hosting.throughput.source}",
        flags=flags(hosting, share, 1.0, 1.0),
    )


def _certain(rows: Mapping[str, Assumption]) -> Values:
    return Values(rows, Chance(0, 1), certain=True)


def _usd(amount: float) -> Decimal:
    return Decimal(f"{amount:.4f}")
