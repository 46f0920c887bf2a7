"""What one call costs: each request is priced by itself, at the price of its day. Money is Decimal, in USD.

Sums of tokens are never priced: long-context tiers make the same tokens dearer in one call than in many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import genai_prices
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from switchover.domain.exchange import AttemptRecord, Exchange, Usage
from switchover.domain.process import UpstreamSpec

PER_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Priced:
    """The amount in USD, or None with the ``gap`` that says why there is none. ``source`` says whose price it is.

    A ``gap`` beside an amount says what that amount leaves out.
    """

    amount: Decimal | None
    source: str
    gap: str | None = None
    estimated: bool = False


def price_exchange(exchange: Exchange, upstreams: Mapping[str, UpstreamSpec]) -> Priced:
    """What the upstreams charge for this exchange, with ``upstreams`` as they are configured now.

    A try that broke after its upstream had accepted the call may be billed, and nobody told us for how much: a gap,
    never zero. A call that no upstream accepted costs nothing. Where several upstreams told one answer, each part is
    priced by itself.
    """
    parts = [one for one in exchange.attempts if one.usage is not None]
    if parts:
        return _priced_together(parts, upstreams, exchange.started_at)
    # The last try of an answered exchange is the answer itself; its usage is the exchange's.
    tries = exchange.attempts if exchange.upstream is None else exchange.attempts[:-1]
    broken = [a.upstream for a in tries if a.fault is not None and a.status is not None and a.status < 400]
    unknown = f"a broken answer of {broken[0]}, whose usage was not reported" if broken else None
    if exchange.upstream is None:
        if unknown is not None:
            return Priced(None, "", gap=unknown)
        return Priced(Decimal(0), "nothing was billed: no upstream accepted the call")
    spec = upstreams.get(exchange.upstream)
    if spec is None:
        return Priced(None, "", gap=f"{exchange.upstream} is not configured any more")
    asked = next((a.model for a in reversed(exchange.attempts) if a.upstream == spec.name), spec.model)
    if asked != spec.model:
        return Priced(None, "", gap=_other_model(spec, asked))
    if exchange.by_other is not None:
        return Priced(None, "", gap=f"{spec.name} answered with another model than {asked}, whose price is not known")
    if spec.is_own:
        return Priced(None, "", gap=_own(spec))
    if exchange.usage is None:
        return Priced(None, "", gap=f"{spec.name} reported no usage")
    priced = price_call(spec, exchange.usage, exchange.started_at)
    return priced if priced.amount is None or unknown is None else replace(priced, gap=unknown)


def _priced_together(parts: list[AttemptRecord], upstreams: Mapping[str, UpstreamSpec], at: float) -> Priced:
    """What the parts of one answer cost; those that have no price are the gap beside it."""
    priced = [_priced_part(part, upstreams, at) for part in parts]
    amounts = [one.amount for one in priced if one.amount is not None]
    gaps = tuple(dict.fromkeys(one.gap for one in priced if one.gap is not None))
    return Priced(
        sum(amounts, Decimal(0)) if amounts else None,
        " and ".join(dict.fromkeys(one.source for one in priced if one.amount is not None)),
        gap=" and ".join(gaps) or None,
        estimated=any(one.estimated for one in priced),
    )


def _priced_part(part: AttemptRecord, upstreams: Mapping[str, UpstreamSpec], at: float) -> Priced:
    spec = upstreams.get(part.upstream)
    if spec is None or part.usage is None:
        return Priced(None, "", gap=f"{part.upstream} is not configured any more")
    if part.model != spec.model:
        return Priced(None, "", gap=_other_model(spec, part.model))
    return Priced(None, "", gap=_own(spec)) if spec.is_own else price_call(spec, part.usage, at)


def _other_model(spec: UpstreamSpec, model: str) -> str:
    return f"{spec.name} answered with {model} then, and is configured with another model now"


def price_call(spec: UpstreamSpec, usage: Usage, at: float) -> Priced:
    """What ``spec`` charges for ``usage`` at the moment ``at`` (Unix seconds).

    A price of one's own has no rate for cached input: cached tokens count as input, which is never too little.
    """
    if spec.is_own:
        return Priced(None, "", gap=_own(spec))
    price = spec.price
    if price is not None and price.input_mtok is not None and price.output_mtok is not None:
        amount = (usage.input * Decimal(price.input_mtok) + usage.output * Decimal(price.output_mtok)) / PER_MILLION
        checked = f", checked {price.checked}" if price.checked else ""
        return Priced(amount, f"{price.source or 'own price in the configuration'}{checked}", estimated=usage.estimated)
    provider, _, model = (price.priced_as if price and price.priced_as else f"{spec.host}/{spec.model}").partition("/")
    moment = datetime.fromtimestamp(at, UTC)
    counted = Billed(usage.input, usage.cached_input, usage.written_input, usage.output)
    try:
        found, prices = _published(provider, model, moment)
        amount = _amount(prices, counted)
    except LookupError:
        return Priced(None, "", gap=f"no published price for {provider}/{model}; state one under upstreams.{spec.name}")
    except ValueError:
        return Priced(None, "", gap=f"{spec.name} reported usage that adds up to nothing that can be priced")
    return Priced(amount, f"genai-prices {genai_prices.__version__}, {found}", estimated=usage.estimated)


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

    def amount(self, used: Billed) -> Decimal | None:
        """The price; None for counts that do not add up, which the package is to judge."""
        plain = used.input - used.cached - used.written
        if plain < 0 or min(used) < 0:
            return None
        amount = plain * self.input + used.output * self.output
        if used.cached or used.written:
            amount += used.cached * self.cached + used.written * self.written
        return amount


def _amount(prices: ModelPrice, used: Billed) -> Decimal:
    rates = _rates(prices)
    amount = None if rates is None else rates.amount(used)
    return prices.calc_price(_units(used))["total_price"] if amount is None else amount


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


def in_billionths(exchange: Exchange, upstreams: Mapping[str, UpstreamSpec]) -> int | None:
    """The price in billionths of a dollar, rounded; None where there is none."""
    amount = price_exchange(exchange, upstreams).amount
    return None if amount is None else int((amount * 1_000_000_000).to_integral_value())


def _own(spec: UpstreamSpec) -> str:
    return f"{spec.name} runs on our own machine, whose hourly cost is not stated"
