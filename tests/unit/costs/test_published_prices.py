"""Request by request, what we say a call costs is what the price list's own package says, for its models.

``make prices`` asks for every model of every provider; here it is a sample, and all that have a tier.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, TieredPrices

from switchover.costs.prices import price_call
from switchover.domain.charge import KINDS
from switchover.domain.exchange import Usage
from switchover.domain.process import Price, UpstreamSpec

EVERY = os.environ.get("PRICES") == "1"
SAMPLE = 60
# By day and at night, within a promotion and after it: some prices are conditional.
MOMENTS = [datetime(2026, 11, day, hour, tzinfo=UTC) for day, hour in ((1, 3), (20, 14))]


def upstream(published: str) -> UpstreamSpec:
    return UpstreamSpec(
        name="v", kind="openai", model="m", developer="d", host="h", price=Price(priced_as=published)
    )  # fmt: skip


def thresholds(model: ModelInfo) -> list[int]:
    rows = [one.prices for one in model.prices] if isinstance(model.prices, list) else [model.prices]
    found = {
        tier.start
        for row in rows
        for price in vars(row).values()
        if isinstance(price, TieredPrices)
        for tier in price.tiers
    }
    return sorted(found)


def models() -> list[tuple[str, ModelInfo]]:
    known = [(f"{provider.id}/{model.id}", model) for provider in get_snapshot().providers for model in provider.models]
    tiered = [one for one in known if thresholds(one[1])]
    rng = random.Random(7)
    return known if EVERY else [*rng.sample(tiered, min(SAMPLE, len(tiered))), *rng.sample(known, SAMPLE)]


def usages(model: ModelInfo) -> Iterator[Usage]:
    """Small, large, and a token before and after each tier; with a cache that is read and written, and without."""
    yield Usage(input=812, output=97)
    yield Usage(input=90_000, cached_input=61_000, written_input=9_000, output=4_000)
    for start in thresholds(model):
        for read in (start, start + 1):
            yield Usage(input=read, cached_input=read // 3, output=1_000)


def expected(published: str, usage: Usage, at: datetime) -> Decimal | None:
    provider, _, model = published.partition("/")
    try:
        found: Decimal = genai_prices.calc_price(
            genai_prices.Usage(
                input_tokens=usage.input, cache_read_tokens=usage.cached_input, cache_write_tokens=usage.written_input,
                output_tokens=usage.output,
            ),
            model_ref=model, provider_id=provider, genai_request_timestamp=at,
        ).total_price  # fmt: skip
    except (LookupError, ValueError):
        return None
    return found


def test_each_request_costs_what_the_price_list_says_by_tier_hour_and_cache():
    compared = tiered = 0
    for published, model in models():
        for usage in usages(model):
            for at in MOMENTS:
                priced = price_call(upstream(published), usage, at.timestamp())
                assert priced.amount == expected(published, usage, at), (published, usage, at)
                if priced.amount is not None:
                    assert sum(priced.parts) == priced.amount
                compared += 1
        tiered += bool(thresholds(model))
    print(f"{compared:,} requests compared, {tiered} models with a tier among them")
    assert tiered > 10
    assert compared > (9_000 if EVERY else 500)


def test_the_long_context_trap_the_same_tokens_cost_27_dollars_in_one_call_and_16_in_a_hundred():
    # $2 and $10 per million; above 272,000 tokens of input $4 and $15.
    at = MOMENTS[0].timestamp()
    sol = upstream("openai/gpt-6-sol")
    whole = price_call(sol, Usage(input=3_000_000, output=1_000_000), at)
    parts = [price_call(sol, Usage(input=30_000, output=10_000), at).amount for _ in range(100)]
    assert whole.amount == Decimal(27)
    assert sum(part for part in parts if part is not None) == Decimal(16)
    assert dict(zip(KINDS, whole.parts, strict=True))["input"] == Decimal(12)


@pytest.mark.parametrize(
    ("price", "amount", "listed"),
    [
        # 1000 × 0.40 + 100 × 1.60 = 560 per million
        (Price(priced_as="openai/gpt-4.1-mini", surcharge="10", source="s"), "0.000616", "0.000616"),
        (Price(priced_as="openai/gpt-4.1-mini", discount="25", source="s"), "0.00042", "0.00056"),
        (Price(priced_as="openai/gpt-4.1-mini", surcharge="10", discount="50", source="s"), "0.000308", "0.000616"),
    ],
)  # fmt: skip
def test_a_surcharge_and_a_discount_change_the_price_and_are_named_with_their_source(price, amount, listed):
    spec = UpstreamSpec(name="v", kind="openai", model="m", developer="d", host="h", price=price)
    found = price_call(spec, Usage(input=1000, output=100), MOMENTS[0].timestamp())
    assert (found.amount, found.listed) == (Decimal(amount), Decimal(listed))
    assert found.source.endswith("% (s)")


def test_each_request_is_priced_by_the_row_that_holds_at_its_moment():
    begins = MOMENTS[1].timestamp()
    later = Price(input_mtok="4", output_mtok="8", cached_mtok="1", source="contract 8", since=begins)
    spec = UpstreamSpec(
        name="v", kind="openai", model="m", developer="d", host="h",
        price=Price(input_mtok="2", output_mtok="8", source="contract 7"), later_prices=(later,),
    )  # fmt: skip
    usage = Usage(input=1_000_000, cached_input=500_000)
    before, after = price_call(spec, usage, begins - 1), price_call(spec, usage, begins)
    assert (before.amount, before.source) == (Decimal(2), "contract 7")
    assert (after.amount, after.source) == (Decimal("2.5"), "contract 8")
