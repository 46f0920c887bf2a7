"""Machines: what they carry, what a token costs on them, when they pay."""

from __future__ import annotations

import numpy as np
import pytest

from switchover.costs.hosting import (
    busy,
    flags,
    machine,
    machines,
    payback_months,
    per_machine,
    per_mtok,
    rent_row,
    throughput,
)
from switchover.facts.read import facts
from switchover.testing.sample_costs import certain, hosting, said, world


def test_a_token_costs_more_the_less_a_machine_is_busy():
    # $200 a month for 100 million tokens it would write without a pause.
    assert [per_mtok(200.0, 100e6, share) for share in (1.0, 0.5, 0.1)] == pytest.approx([2.0, 4.0, 20.0])
    assert per_mtok(200.0, 100e6, 0.0) == float("inf")


def test_the_largest_batch_that_is_fast_enough_for_a_caller_is_taken():
    # facts/measured_throughput.yaml: 318.7 at 32 (9.96 each), 218.5 at 16 (13.66 each).
    assert throughput("dgx-spark", "gpt-oss-120b", 10.0).write == 218.5
    assert throughput("dgx-spark", "gpt-oss-120b", 5.0).write == 318.7
    assert throughput("dgx-spark", "gpt-oss-120b", 10.0).one == 59.5


def test_a_test_of_saturation_is_used_only_where_there_is_no_other_and_said_to_be_one():
    found = throughput("h100-80-sxm", "gpt-oss-120b", 10.0)
    assert (found.write, found.saturated) == (2901.05, True)


def test_what_was_not_measured_has_no_throughput():
    with pytest.raises(LookupError, match="no measured throughput of gpt-oss-120b on mi300x-192"):
        throughput("mi300x-192", "gpt-oss-120b", 10.0)
    with pytest.raises(LookupError, match="no machine abacus"):
        machine("abacus")


@pytest.mark.parametrize(
    ("name", "rented", "lacks"),
    [
        ("dgx-spark", False, None),
        ("h200-141-sxm", False, "the price of h200-141-sxm is not known"),
        ("mac-studio-m3-ultra-96", False, "how much power mac-studio-m3-ultra-96 draws is not known"),
        ("dgx-spark", True, "nobody says what dgx-spark costs to rent"),
        ("h100-80-sxm", True, None),
    ],
)
def test_what_is_not_known_about_a_machine_is_named(name, rented, lacks):
    found = machine(name)
    facts_of = {"id": name, "price": found.price, "rent": found.rent, "watts": found.watts}
    assert hosting(rented=rented, **facts_of).lacks == lacks


def test_rent_is_the_range_in_the_facts():
    row = rent_row(machine("h100-80-sxm"))
    assert (row.low, row.high) == (1.99, 5.0)
    with pytest.raises(ValueError, match="nobody says what dgx-spark costs to rent"):
        rent_row(machine("dgx-spark"))


def test_a_card_needs_a_computer_around_it():
    found = said(world(), card_host_usd=3600.0, residual_share=0.0, hardware_price_factor=1.0, lifetime_months=36.0)
    alone, card = (float(per_machine(hosting(card=card), certain(found))[0]) for card in (False, True))
    assert card - alone == pytest.approx(100.0)


def test_reading_takes_time_too_and_mixed_traffic_sustains_a_share():
    found = said(world(), sustained_share=0.5)
    load = busy(hosting(write=100.0, read=1000.0), 100e6, 100e6, certain(found))
    assert load[0] == pytest.approx((1e6 + 1e5) / 0.5 / 2_629_800)


def test_spare_machines_are_paid_for():
    serving, paid = machines(np.array([[0.2, 1.2, 0.8]]), False, np.array([1.0]))
    assert serving.tolist() == [[1, 2, 2]]
    assert paid.tolist() == [[2, 3, 3]]


def test_payback_is_the_price_over_what_is_left_each_month():
    found = said(
        world(), power_usd_kwh=0.0, space_usd_month=10.0, staff_usd_hour=50.0, staff_month_hours=1.0,
        hardware_price_factor=1.0,
    )  # fmt: skip
    assert payback_months(hosting(), 2.0, 430.0, certain(found)) == pytest.approx(7200 / (430 - 20 - 50))
    assert payback_months(hosting(), 2.0, 70.0, certain(found)) == float("inf")


@pytest.mark.parametrize(("share", "words"), [(0.3, "below 40 %"), (0.45, "below 50 %"), (0.6, None)])
def test_an_idle_machine_is_flagged(share, words):
    said_of = " ".join(flags(hosting(), share, 1, 1))
    assert (words in said_of) if words else "busy" not in said_of


def test_machines_beyond_the_first_are_said():
    found = " ".join(flags(hosting(read=None), 0.6, 5, 2))
    assert "2 are needed" in found
    assert "5 machines are needed by the end" in found
    assert "prefill_ratio" in found


def test_every_machine_and_measurement_has_its_source():
    for row in (*facts("hardware")["machines"], *facts("measured_throughput")["measurements"]):
        assert row["source"]
