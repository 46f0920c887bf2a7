"""What one call costs: each request is priced by itself, at the price of its day. Money is Decimal, in USD.

Sums of tokens are never priced: long-context tiers make the same tokens dearer in one call than in many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices

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
    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(
                input_tokens=usage.input,
                cache_read_tokens=usage.cached_input,
                cache_write_tokens=usage.written_input,
                output_tokens=usage.output,
            ),
            model_ref=model,
            provider_id=provider,
            genai_request_timestamp=datetime.fromtimestamp(at, UTC),
        )
    except LookupError:
        return Priced(None, "", gap=f"no published price for {provider}/{model}; state one under upstreams.{spec.name}")
    except ValueError:
        return Priced(None, "", gap=f"{spec.name} reported usage that adds up to nothing that can be priced")
    source = f"genai-prices {genai_prices.__version__}, {found.provider.id}/{found.model.id}"
    return Priced(found.total_price, source, estimated=usage.estimated)


def _own(spec: UpstreamSpec) -> str:
    return f"{spec.name} runs on our own machine, whose hourly cost is not stated"
