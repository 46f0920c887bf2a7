"""A worker's prices say what the price list says, and a bound is never less than what a call then costs."""

from __future__ import annotations

import random
from decimal import ROUND_CEILING, Decimal

import pytest

from switchover.costs.prices import price_call
from switchover.costs.tariffs import tariff
from switchover.domain.budget import is_free
from switchover.domain.exchange import Usage
from switchover.domain.process import Price, UpstreamSpec

AT = 1_793_491_200.0  # 1 November 2026
# Plain, with a long context's tier, with cache writes, per call, free of output, by the hour.
MODELS = (
    "openai/gpt-4.1",
    "openai/text-embedding-3-small",
    "anthropic/claude-sonnet-4-5",
    "anthropic/claude-opus-4-1",
    "google/gemini-2.5-pro",
    "perplexity/sonar",
    "deepseek/deepseek-chat",
    "mistral/mistral-large-latest",
)


def upstream(name: str) -> UpstreamSpec:
    host, _, model = name.partition("/")
    return UpstreamSpec(name="vendor", kind="openai", model=model, developer=host, host=host)


@pytest.mark.parametrize("name", MODELS)
def test_a_tariff_says_what_the_price_list_says(name: str) -> None:
    spec, rng = upstream(name), random.Random(name)
    found = tariff(spec, AT)
    assert found is not None
    for _ in range(30):
        read = rng.choice([0, 1, 1000, 199_999, 200_000, 200_001, 272_001, 900_000])
        cached = rng.randint(0, read)
        usage = Usage(input=read, output=rng.randint(0, 9000), cached_input=cached,
                      written_input=rng.choice([0, rng.randint(0, read - cached)]))  # fmt: skip
        priced = price_call(spec, usage, AT)
        assert priced.amount is not None
        exact = int((priced.amount * 1_000_000).to_integral_value(ROUND_CEILING))
        assert found.cost(usage) == exact
        assert exact <= found.bound(usage.input, usage.output)


def test_a_price_of_ones_own_is_exact_to_the_millionth_of_a_dollar() -> None:
    own = UpstreamSpec(name="v", kind="openai", model="m", developer="d", host="h",
                       price=Price(input_mtok="0.123456", output_mtok="7"), context=9000)  # fmt: skip
    found = tariff(own, AT)
    assert found is not None
    usage = Usage(input=1_000_001, output=3, cached_input=400)
    assert found.cost(usage) == int((Decimal("0.123456") * 1_000_001 + 21).to_integral_value(ROUND_CEILING))
    assert found.window == 9000


def test_what_has_no_price_has_no_tariff_and_only_our_own_hardware_is_free() -> None:
    assert tariff(upstream("openai/gpt-nope"), AT) is None
    assert not is_free(upstream("openai/gpt-nope"))
    own = UpstreamSpec(name="o", kind="openai", model="m", developer="d", host="own")
    assert is_free(own)
    assert not is_free(UpstreamSpec(name="o", kind="local", model="m", developer="d", host="own",
                                    price=Price(input_mtok="1", output_mtok="1")))  # fmt: skip
