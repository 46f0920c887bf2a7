"""What is said about options: ranges, chances, what matters, where they break even, what is unproven."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from switchover.costs.project import Option, Quality
from switchover.costs.weigh import weigh
from switchover.testing.sample_costs import hosting, priced, said, usage, world

PROVEN = {"claims": Quality(low=0.0, value=0.0, high=0.0, source="proof p")}
FREE_TO_MOVE = {"switch_hours": 0.0, "parallel_months": 0.0}


def option(serve, name="other", **changes):
    return Option(name=name, words="", serves={"claims": serve}, moved=("claims",), **{"proven": PROVEN} | changes)


def weighed(*options, draws=400, **changes):
    return weigh(said(world(*options, **changes), **FREE_TO_MOVE), (), draws=draws)


def test_what_is_certain_has_a_range_of_no_width():
    found = weighed()
    assert found.stay.total == (Decimal(38_400), Decimal(38_400), Decimal(38_400))
    assert found.stay.monthly.p90 == (Decimal(1600),) * 24
    assert found.scenarios[175] == Decimal("105600.0000")
    assert found.rival is None
    assert found.swings == ()


def test_a_cheaper_proven_option_saves_and_wins():
    found = weighed(option(priced("host", 1.0, 5.0)))
    other = found.options[1]
    assert other.saved == (Decimal(19_200),) * 3
    chance = {(one.cheaper, one.dearer): one.chance for one in found.beats}
    assert chance == {("other", "stay"): 1.0, ("stay", "other"): 0.0}
    assert (other.cheaper_now, other.even) == (True, ())


def test_an_unproven_option_is_no_saving_however_cheap():
    found = weighed(option(priced("host", 0.1, 0.1), proven={}, unproven={"claims": "UNPROVEN: no proof"}))
    other = found.options[1]
    assert other.saved is None
    assert other.total[1] < found.stay.total[1]
    assert not any(one.proven for one in found.beats)


def test_a_proven_option_is_the_rival_before_a_cheaper_unproven_one():
    cheap = option(priced("cheap", 0.1, 0.1), "cheap", proven={}, unproven={"claims": "UNPROVEN"})
    assert weighed(cheap, option(priced("host", 1.0, 5.0))).rival == "other"
    assert weighed(cheap).rival == "cheap"


def test_an_option_without_a_price_has_no_figures_and_no_chance():
    found = weighed(Option(name="other", words="", lacks="nobody says"))
    assert found.options[1].total is None
    assert found.beats == ()


def test_a_machine_breaks_even_where_its_cost_is_that_of_staying():
    box = hosting(write=1e9, read=1e9)
    sure = {
        "hardware_price_factor": 1.0, "residual_share": 0.0, "lifetime_months": 36.0, "power_usd_kwh": 0.0,
        "space_usd_month": 60.0, "spare_machines": 0.0, "staff_setup_hours": 0.0, "staff_month_hours": 0.0,
    }  # fmt: skip
    found = weigh(said(world(option(box)), **FREE_TO_MOVE, **sure), (), draws=100)
    # $160 a month whatever the volume, against $1,600 at today's: even at a tenth of it.
    (even,) = found.options[1].even
    assert even == pytest.approx(0.1, rel=0.05)
    (machines,) = found.options[1].machines
    assert (machines.first, machines.paid, machines.rented) == (1, 1, False)
    assert machines.payback == pytest.approx(3600 / (1600 - 60))
    assert any("below 40 %" in flag for flag in machines.flags)


def test_the_price_of_a_token_falls_with_use_down_to_that_of_a_busy_machine():
    (machines,) = weighed(option(hosting())).options[1].machines
    prices = [float(machines.per_mtok[use]) for use in sorted(machines.per_mtok)]
    assert prices == sorted(prices, reverse=True)
    assert machines.per_mtok[10] == pytest.approx(10 * machines.per_mtok[100], rel=Decimal("0.001"))
    # Above the utilisation from which on it pays, a token costs less than the $16 it costs with its reading now.
    assert float(machines.per_mtok[100]) / machines.even == pytest.approx(16.0, rel=0.001)


def test_rates_of_a_machine_pay_for_all_of_it_as_it_is_used():
    found = weighed(option(hosting()))
    (machines,) = found.options[1].machines
    read, written = map(float, machines.rates)
    # 300 million tokens in and 100 million out at these rates are what 100 million out cost as used.
    assert 300 * read + 100 * written == pytest.approx(100 * float(machines.at_load), rel=0.1)


def test_the_widest_swing_comes_first_and_only_what_moves_is_there():
    uncertain = replace(usage(), growth=(0.0, 0.02, 0.1))
    found = weighed(option(priced("host", 1.0, 5.0)), usage={"claims": uncertain})
    assert [one.name for one in found.swings] == ["growth_month:claims"]
    (swing,) = found.swings
    assert swing.at_low < found.middle < swing.at_high
    # Half of 1,600 a month saved, growing by 0 or by 10 % a month over 24 months.
    assert float(swing.at_low) == pytest.approx(24 * 800)
    assert float(swing.at_high) == pytest.approx(800 * (1.1**24 - 1) / 0.1)


def test_every_assumption_that_was_used_is_in_the_result_with_its_source():
    found = weigh(world(option(hosting())), (), draws=100)
    names = {row.name for row in found.assumptions}
    assert {"power_usd_kwh", "pue", "staff_usd_hour", "spare_machines", "growth_month:claims"} <= names
    assert all(row.source and row.owner for row in found.assumptions)
    assert "card_host_usd" not in names


def test_gaps_are_passed_on_and_those_of_a_record_name_their_process():
    found = weigh(world(usage={"claims": usage(gaps=("a hole",))}), ("letters is left out",), draws=100)
    assert found.gaps == ("letters is left out", "claims: a hole")


def test_being_cut_off_costs_what_an_hour_without_answers_costs():
    found = weigh(said(world(), cut_offs_year=12.0, cut_off_days=1.0, loss_usd_hour=10.0), (), draws=1000)
    (one,) = found.insurance
    assert one.chance == 1.0
    assert one.mean == Decimal(240)
    assert not one.covered
    assert weighed(option(priced("host"))).insurance[0].covered
