"""Laws of the projection: what makes things dearer makes them dearer, in the median and in every draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchover.costs.assumptions import Chance, Values
from switchover.costs.mechanisms import mechanisms
from switchover.costs.project import Option, Quality, simulate
from switchover.costs.weigh import weigh
from switchover.testing.sample_costs import hosting, priced, said, usage, world

FEW = settings(max_examples=25, deadline=None)
BOX = Option(name="box", words="", serves={"claims": hosting()}, moved=("claims",))
WORSE = {"claims": Quality(low=-0.05, value=-0.02, high=0.0, source="proof p")}
HOST = Option(name="host", words="", serves={"claims": priced("host", 1.0, 5.0)}, moved=("claims",), proven=WORSE)
# What a larger value of each makes dearer in moving away.
DEARER = {
    "hardware_price_factor": BOX, "power_usd_kwh": BOX, "power_draw_share": BOX, "pue": BOX, "space_usd_month": BOX,
    "spare_machines": BOX, "staff_usd_hour": BOX, "staff_setup_hours": BOX, "staff_month_hours": BOX,
    "switch_hours": HOST, "parallel_months": HOST, "defect_usd": HOST,
}  # fmt: skip


def median(found, name="stay", seed=1, draws=2000):
    return float(np.median(simulate(found, Values(found.rows, Chance(seed, draws))).monthly[name].sum(axis=1)))


def pinned(one, **values):
    rows = {"per_year": one.per_year, "size": one.size}
    for part, value in values.items():
        rows[part] = replace(rows[part], value=value, low=value, high=value)
    return replace(one, **rows)


@pytest.mark.parametrize("one", mechanisms(), ids=lambda one: one.name)
def test_each_mechanism_moves_the_median_its_way(one):
    calm, happening = (median(world(mechanisms=(pinned(one, per_year=rate),))) for rate in (1e-9, 3.0))
    assert (happening > calm) == one.rises
    assert happening != calm


@pytest.mark.parametrize("one", mechanisms(), ids=lambda one: one.name)
def test_a_larger_change_moves_the_median_further(one):
    often = pinned(one, per_year=3.0)
    less, more = (median(world(mechanisms=(pinned(often, size=one.size.value * part),))) for part in (0.5, 1.0))
    calm = median(world())
    assert abs(more - calm) > abs(less - calm) > 0


@pytest.mark.parametrize("one", mechanisms(), ids=lambda one: one.name)
def test_what_only_a_vendor_does_leaves_open_weights_alone(one):
    opened = world(serve=priced(kind="open"), mechanisms=(pinned(one, per_year=3.0),))
    moves = median(opened) != median(world(serve=priced(kind="open")))
    assert moves == ("open" in one.applies)


@FEW
@given(st.sampled_from(sorted(DEARER)), st.floats(0.0, 0.5), st.floats(0.01, 0.5), st.integers(0, 1000))
def test_a_dearer_assumption_is_dearer_in_every_draw(name, at, more, seed):
    option = DEARER[name]
    base = world(option)
    row = base.rows[name]
    values = [row.low + (row.high - row.low) * share for share in (at, at + more)]
    low, high = (
        simulate(found, Values(found.rows, Chance(seed, 50))).monthly[option.name]
        for found in (said(base, **{name: value}) for value in values)
    )  # fmt: skip
    assert (high.sum(axis=1) >= low.sum(axis=1) - 1e-6).all()


@FEW
@given(st.floats(0.0, 0.9), st.floats(0.01, 0.1), st.integers(0, 1000))
def test_a_machine_that_is_worth_more_in_the_end_is_cheaper(share, more, seed):
    low, high = (median(said(world(BOX), residual_share=value), "box", seed, 50) for value in (share, share + more))
    assert high <= low


@FEW
@given(st.floats(0.1, 50.0), st.floats(1.01, 3.0))
def test_more_usage_never_needs_fewer_machines_or_less_money(volume, times):
    grown = [replace(usage(), input=300e6 * one, output=100e6 * one) for one in (volume, volume * times)]
    less, more = (
        simulate(found, Values(found.rows, Chance(1, 30)))
        for found in (world(BOX, usage={"claims": one}) for one in grown)
    )  # fmt: skip
    assert (more.monthly["box"] >= less.monthly["box"] - 1e-6).all()
    assert (more.hosted["box"][0].serving >= less.hosted["box"][0].serving).all()


@FEW
@given(st.floats(0.1, 100.0), st.integers(0, 1000))
def test_machines_always_carry_the_p95_hour(volume, seed):
    found = world(BOX, usage={"claims": replace(usage(), input=300e6 * volume, output=100e6 * volume)})
    (one,) = simulate(found, Values(found.rows, Chance(seed, 30))).hosted["box"]
    # The p95 hour has twice the mean: no machine is more than half busy on average.
    assert (one.utilisation <= 0.5 + 1e-9).all()
    assert (one.paid >= one.serving).all()


@FEW
@given(st.integers(0, 1000))
def test_p10_p50_and_p90_are_in_order_and_only_grow(seed):
    found = weigh(world(BOX, HOST, mechanisms=mechanisms()), (), draws=200, seed=seed)
    for option in found.options:
        for band in (option.monthly, option.cumulative):
            assert all(a <= b <= c for a, b, c in zip(band.p10, band.p50, band.p90, strict=True))
        assert list(option.cumulative.p50) == sorted(option.cumulative.p50)
    assert weigh(world(BOX, HOST, mechanisms=mechanisms()), (), draws=200, seed=seed) == found


@FEW
@given(st.integers(0, 1000))
def test_one_option_beats_another_or_the_other_way_round(seed):
    found = weigh(world(BOX, HOST, mechanisms=mechanisms()), (), draws=200, seed=seed)
    chance = {(one.cheaper, one.dearer): one.chance for one in found.beats}
    assert all(chance[a, b] + chance[b, a] <= 1 + 1e-9 for a, b in chance)
