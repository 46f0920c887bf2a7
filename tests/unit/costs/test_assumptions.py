"""Every assumption is a row; what is drawn keeps to it; mechanisms are grounded in real events."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from statistics import median

import genai_prices
import numpy as np
import pytest

from switchover.costs.assumptions import Chance, Values, shipped, triangular
from switchover.costs.mechanisms import mechanisms
from switchover.facts.read import facts

EVENTS = {row["id"]: row for row in facts("events")["events"]}
KINDS = {
    "promotion ends": "promo_expiry",
    "alias moves to another model": "alias_move",
    "forced successor": "retirement",
    "residency surcharge": "residency_surcharge",
    "list price rises": "price_rise",
    "list price is cut": "price_cut",
}


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_row_has_a_range_a_unit_a_source_an_owner_and_a_date(name):
    row, raw = shipped()[name], facts("assumptions")["assumptions"][name]
    assert raw["least"] <= row.low <= row.value <= row.high <= raw["most"]
    assert all((row.means, row.unit, row.source, row.owner))
    assert date.fromisoformat(row.date)


@pytest.mark.parametrize("one", mechanisms(), ids=lambda one: one.name)
def test_a_mechanism_is_grounded_in_events_of_its_kind(one):
    assert one.events
    assert {EVENTS[name]["kind"] for name in one.events} == {KINDS[one.name]}
    sizes = [EVENTS[name].get("price_change_blended_pct") for name in one.events]
    assert all(one.size.low <= size <= one.size.high for size in sizes if size is not None)
    # How often: those events over the vendor-years in which they were looked for.
    assert one.per_year.value == pytest.approx(len(one.events) / facts("mechanisms")["vendor_years"], abs=0.005)


def test_how_often_a_provider_is_lost_is_grounded_in_events():
    named = facts("mechanisms")["cut_offs"]
    row = shipped()["cut_offs_year"]
    assert all(name in row.source for name in named)
    lasted = [EVENTS[name]["duration_days"] for name in named if EVENTS[name]["duration_days"] is not None]
    days = shipped()["cut_off_days"]
    assert (min(lasted), max(lasted)) == (days.low, days.high)


def test_how_much_faster_a_prompt_is_read_is_what_was_measured():
    rows = facts("measured_throughput")["measurements"]
    ratios = [row["prefill_tps"] / row["decode_tps"] for row in rows if row["prefill_tps"] and row["batch"] == 1]
    row = shipped()["prefill_ratio"]
    assert row.value == pytest.approx(median(ratios), abs=0.5)
    assert (row.low, row.high) == pytest.approx(np.percentile(ratios, [10, 90]), abs=2)


@pytest.mark.parametrize("row", facts("prices")["prices"], ids=lambda row: row["model"])
def test_a_listed_price_is_that_of_the_price_list(row):
    provider, _, model = row["priced_as"].partition("/")
    usage = genai_prices.Usage(input_tokens=1_000, output_tokens=1_000)
    found = genai_prices.calc_price(usage, model_ref=model, provider_id=provider)
    assert (found.input_price, found.output_price) == (
        Decimal(row["input_mtok"]) / 1000,
        Decimal(row["output_mtok"]) / 1000,
    )
    assert date.fromisoformat(row["checked"])
    assert row["source"]


def test_a_triangular_draw_keeps_its_ends_and_its_mean():
    drawn = triangular(np.random.default_rng(1).random(200_000), -1.0, 0.5, 2.0)
    assert drawn.min() >= -1.0
    assert drawn.max() <= 2.0
    # (low + mode + high) / 3; the standard error of 200,000 draws is under 0.002.
    assert drawn.mean() == pytest.approx(0.5, abs=0.01)


def test_a_range_of_no_width_is_its_value():
    assert triangular(np.array([0.0, 0.5, 0.99]), 3.0, 3.0, 3.0).tolist() == [3.0, 3.0, 3.0]


def test_pinning_one_assumption_leaves_every_other_draw_as_it_was():
    chance = Chance(7, 100)
    free, pinned = Values(shipped(), chance), Values(shipped(), chance, {"pue": 1.1})
    assert np.array_equal(free.of("power_usd_kwh"), pinned.of("power_usd_kwh"))
    assert set(pinned.of("pue")) == {1.1}
    assert set(free.used) == {"power_usd_kwh"}
