"""What one call costs: each request is priced by itself, at the price of its day. Money is Decimal, in USD.

Sums of tokens are never priced: long-context tiers make the same tokens dearer in one call than in many.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import genai_prices
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from switchover.domain.budget import is_free
from switchover.domain.exchange import Usage
from switchover.domain.process import Price, UpstreamSpec

from .rates import ONE, factors

PER_MILLION = Decimal(1_000_000)
ZERO = Decimal(0)
# USD by kind of what is billed.
Parts = tuple[Decimal, Decimal, Decimal, Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class Priced:
    """The amount in USD, or None with the ``gap`` that says why there is none. ``source`` says whose price it is.

    A ``gap`` beside an amount says what that amount leaves out or estimates. ``parts`` are what it is made of, by
    :data:`~switchover.domain.charge.KINDS`; ``listed`` is what it was before a discount.
    """

    amount: Decimal | None
    source: str
    gap: str | None = None
    estimated: bool = False
    parts: Parts = (ZERO, ZERO, ZERO, ZERO, ZERO)
    listed: Decimal = ZERO


def price_call(spec: UpstreamSpec, usage: Usage, at: float) -> Priced:
    """What ``spec`` charges for ``usage`` at the moment ``at`` (Unix seconds), by the price that holds then."""
    price = spec.price_at(at)
    if is_free(spec):
        return Priced(None, "", gap=f"{spec.name} runs on our own machine, whose hourly cost is not stated")
    used = Billed(usage.input, usage.cached_input, usage.written_input, usage.output)
    if price is not None and price.input_mtok is not None and price.output_mtok is not None:
        parts, source = _own(price, used), _checked(price)
    else:
        priced_as = price.priced_as if price else None
        provider, _, model = (priced_as or f"{spec.host}/{spec.model}").partition("/")
        try:
            found, prices = _published(provider, model, datetime.fromtimestamp(at, UTC))
            parts = _parts(prices, used)
        except LookupError:
            gap = f"no published price for {provider}/{model}; state one under upstreams.{spec.name}"
            return Priced(None, "", gap=gap)
        except ValueError:
            parts = None
        else:
            source = f"genai-prices {genai_prices.__version__}, {found}"
    if parts is None:
        return Priced(None, "", gap=f"{spec.name} reported usage that adds up to nothing that can be priced")
    surcharge, discount = factors(price)
    listed = _times(parts, surcharge)
    spent = _times(listed, discount)
    return Priced(
        sum(spent, Decimal(0)), source + _terms(price), estimated=usage.estimated, parts=spent,
        listed=sum(listed, Decimal(0)),
    )  # fmt: skip


def _times(parts: Parts, factor: Decimal) -> Parts:
    if factor == ONE:
        return parts
    plain, cached, written, output, call = parts
    return plain * factor, cached * factor, written * factor, output * factor, call * factor


def _checked(price: Price) -> str:
    return f"{price.source or 'own price in the configuration'}{f', checked {price.checked}' if price.checked else ''}"


def _terms(price: Price | None) -> str:
    """A surcharge and a discount in words, with their source where that is not the price's own."""
    if price is None or (price.surcharge is None and price.discount is None):
        return ""
    told = (("surcharge", price.surcharge), ("discount", price.discount))
    words = ", ".join(f"{name} {percent} %" for name, percent in told if percent is not None)
    return f"; {words}" if price.input_mtok is not None else f"; {words} ({_checked(price)})"


def _own(price: Price, used: Billed) -> Parts | None:
    """What a call costs at a price of one's own."""
    return _own_rates(price).parts(used)


@lru_cache(maxsize=256)
def _own_rates(price: Price) -> Rates:
    """A price of one's own per token. Cached tokens without a rate count as input, which is never too little."""
    read, wrote = Decimal(price.input_mtok or 0), Decimal(price.output_mtok or 0)
    return Rates(
        read / PER_MILLION,
        (read if price.cached_mtok is None else Decimal(price.cached_mtok)) / PER_MILLION,
        (read if price.written_mtok is None else Decimal(price.written_mtok)) / PER_MILLION,
        wrote / PER_MILLION,
    )


class Billed(NamedTuple):
    """Tokens by what they are billed as. ``cached`` and ``written`` are among ``input``."""

    input: int
    cached: int
    written: int
    output: int


@dataclass(frozen=True, slots=True)
class Rates:
    """USD per token of each kind, where a call's price is the sum of these and nothing else."""

    input: Decimal
    cached: Decimal
    written: Decimal
    output: Decimal

    def parts(self, used: Billed) -> Parts | None:
        """The price by kind; None for counts that do not add up, which the package is to judge."""
        plain = used.input - used.cached - used.written
        if plain < 0 or min(used) < 0:
            return None
        return (
            plain * self.input, used.cached * self.cached, used.written * self.written, used.output * self.output, ZERO,
        )  # fmt: skip


def _parts(prices: ModelPrice, used: Billed) -> Parts:
    """What the package says that a call costs, by kind. Raises ValueError for counts that do not add up."""
    rates = _rates(prices)
    parts = None if rates is None else rates.parts(used)
    if parts is not None:
        return parts
    total: Decimal = prices.calc_price(_units(used))["total_price"]
    parts = _tier(prices, used.input).parts(used)
    if parts is None:
        return total, ZERO, ZERO, ZERO, ZERO
    # Whatever is no token's: some charge for the call itself.
    return *parts[:4], total - sum(parts)


def _tier(prices: ModelPrice, read: int) -> Rates:
    """The rates of a call that reads so many tokens; what has none of its own is priced as input."""

    def rate(name: str) -> Decimal | None:
        price = getattr(prices, name)
        if isinstance(price, TieredPrices):
            price = next((tier.price for tier in reversed(price.tiers) if read > tier.start), price.base)
        return None if price is None else price / PER_MILLION

    plain, out = rate("input_mtok") or ZERO, rate("output_mtok") or ZERO
    cached, written = rate("cache_read_mtok"), rate("cache_write_mtok")
    return Rates(plain, plain if cached is None else cached, plain if written is None else written, out)


def _published(provider: str, model: str, moment: datetime) -> tuple[str, ModelPrice]:
    """The model as the package names it, and its price at the moment. Raises LookupError."""
    name, found = _model(provider, model)
    return name, found.get_prices(moment)


@lru_cache(maxsize=256)
def _model(provider: str, model: str) -> tuple[str, ModelInfo]:
    found, info = get_snapshot().find_provider_model(model, None, provider, None)
    return f"{found.id}/{info.id}", info


_known_rates: dict[int, tuple[ModelPrice, Rates | None]] = {}


def _rates(prices: ModelPrice) -> Rates | None:
    """What a token costs by these prices, asked of the package once, as one call of it takes 0.1 ms.

    None where the same tokens are dearer in one call than in many, or the other way round.
    """
    known = _known_rates.get(id(prices))
    if known is None:
        # Kept with its prices, so that no others can come to lie at the same address.
        known = _known_rates[id(prices)] = (prices, _asked_rates(prices))
    return known[1]


def _asked_rates(prices: ModelPrice) -> Rates | None:
    if any(isinstance(price, TieredPrices) for price in vars(prices).values()):
        return None
    # Some charge for the call itself, too.
    if prices.calc_price(_units(Billed(0, 0, 0, 0)))["total_price"]:
        return None
    one = 1_000_000
    kinds = (Billed(one, 0, 0, 0), Billed(one, one, 0, 0), Billed(one, 0, one, 0), Billed(0, 0, 0, one))
    try:
        return Rates(*(prices.calc_price(_units(kind))["total_price"] / one for kind in kinds))
    except ValueError:
        return None


def _units(used: Billed) -> genai_prices.Usage:
    return genai_prices.Usage(
        input_tokens=used.input,
        cache_read_tokens=used.cached,
        cache_write_tokens=used.written,
        output_tokens=used.output,
    )
