"""Each request is priced by itself; a price that is missing is a gap with a name, never zero."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.costs.metering import price_exchange
from switchover.costs.prices import price_call
from switchover.domain.exchange import AttemptRecord, Exchange, Outcome, Usage
from switchover.domain.process import Price, UpstreamSpec

AT = 1_793_491_200.0  # 1 November 2026


def upstream(name: str = "vendor", *, model: str = "gpt-4.1-mini", price: Price | None = None) -> UpstreamSpec:
    return UpstreamSpec(name=name, kind="openai", model=model, developer="openai", host="openai", price=price)


OWN = UpstreamSpec(name="own", kind="local", model="small", developer="someone", host="own")


def attempt(name: str = "vendor", model: str = "gpt-4.1-mini", fault: str | None = None, status: int | None = 200):
    return AttemptRecord(upstream=name, model=model, fault=fault, status=status, elapsed_ms=1.0)


def exchange(*attempts: AttemptRecord, answered_by: str | None = "vendor", usage: Usage | None = None) -> Exchange:
    return Exchange(
        id="x",
        process="claims",
        route="claims",
        dialect="openai_chat",
        stream=False,
        started_at=AT,
        outcome=Outcome.COMPLETE if answered_by else Outcome.FAILED,
        status=200 if answered_by else 503,
        request=b"",
        answer=b"",
        upstream=answered_by,
        model=None,
        attempts=attempts,
        usage=usage,
    )


def test_a_published_price_is_found_with_cached_tokens_at_their_own_rate():
    # gpt-4.1-mini: $0.40 input, $0.10 cached input, $1.60 output per million.
    # 600 × 0.40 + 400 × 0.10 + 100 × 1.60 = 440 per million = $0.00044
    found = price_call(upstream(), Usage(input=1000, cached_input=400, output=100), AT)
    assert found.amount == Decimal("0.00044")
    assert "genai-prices" in found.source
    assert "openai/gpt-4.1-mini" in found.source
    assert found.gap is None


def test_an_upstream_may_be_priced_as_a_published_model():
    as_mini = upstream(model="big-1", price=Price(priced_as="openai/gpt-4.1-mini"))
    assert price_call(as_mini, Usage(input=1000, output=100), AT).amount == Decimal("0.00056")


def test_a_price_of_ones_own_comes_with_its_source_and_day():
    price = Price(input_mtok="2", output_mtok="8", source="contract 7", checked="2026-10-01")
    # 1000 × 2 + 100 × 8 = 2,800 per million; cached tokens count as input
    found = price_call(upstream(price=price), Usage(input=1000, cached_input=400, output=100), AT)
    assert found.amount == Decimal("0.0028")
    assert found.source == "contract 7, checked 2026-10-01"


def test_a_long_request_costs_more_than_the_same_tokens_in_two_short_ones():
    long_context = replace(upstream(model="gemini-2.5-pro"), host="google")
    # Up to 200,000 tokens of input: $1.25 and $10 per million; above: $2.50 and $15.
    short = price_call(long_context, Usage(input=150_000, output=1000), AT).amount
    whole = price_call(long_context, Usage(input=300_000, output=2000), AT).amount
    assert short == Decimal("0.1975")  # 0.1875 + 0.010
    assert whole == Decimal("0.78")  # 0.75 + 0.030
    assert whole > 2 * short


def test_a_model_without_a_price_is_a_gap_that_says_where_to_state_one():
    found = price_call(upstream(model="nobody-knows-it"), Usage(input=1000, output=100), AT)
    assert found.amount is None
    assert found.gap == "no published price for openai/nobody-knows-it; state one under upstreams.vendor"


def test_an_own_machine_is_a_gap_and_not_free():
    found = price_call(OWN, Usage(input=1000, output=100), AT)
    assert found.amount is None
    assert "hourly cost is not stated" in (found.gap or "")


def test_usage_that_contradicts_itself_is_a_gap():
    assert price_call(upstream(), Usage(input=10, cached_input=400), AT).amount is None


def test_an_estimate_stays_marked():
    assert price_call(upstream(), Usage(input=10, estimated=True), AT).estimated


def test_a_call_that_every_upstream_turned_away_costs_nothing():
    found = price_exchange(exchange(attempt(fault="key-revoked", status=403), answered_by=None), {"vendor": upstream()})
    assert found.amount == Decimal(0)
    assert found.gap is None


def test_an_accepted_call_that_broke_is_a_gap_where_nothing_is_left_to_estimate_by():
    found = price_exchange(exchange(attempt(fault="cut", status=200), answered_by=None), {"vendor": upstream()})
    assert found.amount is None
    assert found.gap == "a broken answer of vendor, whose usage was not reported and can't be estimated"


@pytest.mark.parametrize(
    ("known", "tried", "usage", "gap"),
    [
        ({}, attempt(), Usage(input=10), "vendor is not configured any more"),
        (
            {"vendor": upstream()},
            attempt(),
            None,
            "an answer of vendor, whose usage was not reported and can't be estimated",
        ),
        (
            {"vendor": upstream()},
            attempt(model="older-1"),
            Usage(input=10),
            "vendor answered with older-1 then, and is configured with another model now",
        ),
    ],
)
def test_what_can_not_be_priced_is_named(known, tried, usage, gap):
    found = price_exchange(exchange(tried, usage=usage), known)
    assert (found.amount, found.gap) == (None, gap)


def test_an_answer_by_another_model_is_not_priced_as_the_one_that_was_asked():
    swapped = attempt(fault="model-swapped", status=200)
    found = price_exchange(exchange(swapped, usage=Usage(input=1000, output=100)), {"vendor": upstream()})
    assert (found.amount, found.gap) == (
        None, f"vendor answered with another model than {swapped.model}, whose price is not known"
    )  # fmt: skip


def test_an_answer_after_a_broken_one_is_priced_and_says_what_is_left_out():
    tries = (attempt("first", fault="cut", status=200), attempt())
    known = {"vendor": upstream(), "first": upstream("first")}
    found = price_exchange(exchange(*tries, usage=Usage(input=1000, output=100)), known)
    assert found.amount == Decimal("0.00056")
    assert found.gap == "a broken answer of first, whose usage was not reported and can't be estimated"


def test_an_answer_after_a_refused_one_leaves_nothing_out():
    tries = (attempt("first", fault="key-revoked", status=401), attempt())
    found = price_exchange(exchange(*tries, usage=Usage(input=1000, output=100)), {"vendor": upstream()})
    assert found.gap is None


TOKENS = st.integers(0, 2_000_000)


@given(
    st.sampled_from(
        ["openai/gpt-4.1-mini", "anthropic/claude-haiku-4-5", "google/gemini-2.5-pro", "deepseek/deepseek-chat"]
    ),
    TOKENS,
    TOKENS,
    TOKENS,
    TOKENS,
    st.integers(0, 30 * 86_400),
)
def test_a_price_is_what_the_package_says_tiers_and_odd_counts_included(published, used, cached, written, out, later):
    usage = Usage(input=used, cached_input=cached, written_input=written, output=out)
    provider, _, model = published.partition("/")
    at = AT + later
    try:
        expected = genai_prices.calc_price(
            genai_prices.Usage(
                input_tokens=used, cache_read_tokens=cached, cache_write_tokens=written, output_tokens=out
            ),
            model_ref=model,
            provider_id=provider,
            genai_request_timestamp=datetime.fromtimestamp(at, UTC),
        ).total_price
    except ValueError:
        expected = None
    assert price_call(upstream(price=Price(priced_as=published)), usage, at).amount == expected
