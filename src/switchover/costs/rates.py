"""What a contract makes of a price. No price list is loaded here: workers reckon with this."""

from __future__ import annotations

from decimal import Decimal

from switchover.domain.process import Price

ONE = Decimal(1)


def factors(price: Price | None) -> tuple[Decimal, Decimal]:
    """What a surcharge and a discount make of a price: to be multiplied with it, one after the other."""
    if price is None:
        return ONE, ONE
    surcharge = ONE if price.surcharge is None else ONE + Decimal(price.surcharge) / 100
    return surcharge, ONE if price.discount is None else ONE - Decimal(price.discount) / 100
