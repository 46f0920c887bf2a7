"""What one call costs: each request is priced by itself, at the price of its day. Money is Decimal, in USD.

Sums of tokens are never priced: long-context tiers make the same tokens dearer in one call than in many.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices

from switchover.domain.exchange import Exchange, Usage
from switchover.domain.process import UpstreamSpec

PER_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Priced:
    """The amount in USD, or None with the ``gap`` that says why there is none. ``source`` says whose price it is."""

    amount: Decimal | None
    source: str
    gap: str | None = None
    estimated: bool = False


def price_exchange(exchange: Exchange, spec: UpstreamSpec | None) -> Priced:
    """What the upstream that answered charges for this exchange.

    ``spec`` is the upstream as configured, None when it is no longer there. An exchange that nothing answered costs
    what its attempts cost; with no usage reported that is a gap, never zero.
    """
    if exchange.upstream is None:
        tried = [attempt for attempt in exchange.attempts if attempt.status is not None and attempt.status < 400]
        if not tried:
            return Priced(Decimal(0), "nothing was billed: no upstream accepted the call")
        return Priced(None, "", gap="a broken answer whose usage the provider did not report")
    if spec is None:
        return Priced(None, "", gap=f"{exchange.upstream} is not configured any more")
    if exchange.usage is None:
        return Priced(None, "", gap=f"{spec.name} reported no usage")
    return price_call(spec, exchange.usage, exchange.started_at)


def price_call(spec: UpstreamSpec, usage: Usage, at: float) -> Priced:
    """What ``spec`` charges for ``usage`` at the moment ``at`` (Unix seconds)."""
    if spec.is_own:
        return Priced(None, "", gap=f"{spec.name} runs on our own machine, whose hourly cost is not stated")
    price = spec.price
    if price is not None and price.input_mtok is not None and price.output_mtok is not None:
        amount = (usage.input * Decimal(price.input_mtok) + usage.output * Decimal(price.output_mtok)) / PER_MILLION
        checked = f", checked {price.checked}" if price.checked else ""
        return Priced(amount, f"{price.source or 'own price in the configuration'}{checked}", estimated=usage.estimated)
    provider, _, model = (price.priced_as if price and price.priced_as else f"{spec.host}/{spec.model}").partition("/")
    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(
                input_tokens=usage.input, cache_read_tokens=usage.cached_input, output_tokens=usage.output
            ),
            model_ref=model,
            provider_id=provider,
            genai_request_timestamp=datetime.fromtimestamp(at, UTC),
        )
    except LookupError:
        return Priced(None, "", gap=f"no published price for {provider}/{model}; state one under upstreams.{spec.name}")
    source = f"genai-prices {genai_prices.__version__}, {found.provider.id}/{found.model.id}"
    return Priced(found.total_price, source, estimated=usage.estimated)
