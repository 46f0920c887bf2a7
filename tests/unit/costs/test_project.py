"""What each option costs in a month, reckoned by hand; nothing happens unless a test says so."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from switchover.costs.assumptions import Chance, Values
from switchover.costs.project import Option, Quality, simulate
from switchover.domain.costing import PriceEvent
from switchover.testing.sample_costs import certain, hosting, priced, said, usage, world

CERTAIN_BOX = {
    "hardware_price_factor": 1.0, "residual_share": 0.0, "lifetime_months": 36.0, "power_usd_kwh": 0.1,
    "power_draw_share": 1.0, "pue": 2.0, "space_usd_month": 5.0, "spare_machines": 0.0, "staff_usd_hour": 50.0,
    "staff_setup_hours": 10.0, "staff_month_hours": 2.0, "sustained_share": 1.0, "switch_hours": 4.0,
    "parallel_months": 1.5,
}  # fmt: skip


def costs(found, name):
    return simulate(found, certain(found)).monthly[name][0]


def moved(serve, **changes):
    return Option(name="other", words="", serves={"claims": serve}, moved=("claims",), **changes)


def test_staying_costs_tokens_times_rates():
    # 300 × 2 + 100 × 10 = 1,600 a month
    assert costs(world(), "stay") == pytest.approx(np.full(24, 1600.0))


def test_cached_tokens_have_their_own_price_and_a_call_may_have_one_too():
    found = world(usage={"claims": usage(cached=100e6)}, serve=replace(priced(), per_call=0.001))
    # 200 × 2 + 100 × 0.2 + 100 × 10 + 100,000 × 0.001 = 1,520
    assert costs(found, "stay")[0] == pytest.approx(1520.0)


def test_usage_grows_month_by_month():
    found = costs(world(usage={"claims": usage(growth=(0.1, 0.1, 0.1))}), "stay")
    assert found[:3] == pytest.approx([1600.0, 1760.0, 1936.0])


def test_what_somebody_says_about_a_process_goes_before_its_record():
    found = said(world(usage={"claims": usage(growth=(0.1, 0.1, 0.1))}), **{"growth_month:claims": 0.5})
    assert costs(found, "stay")[1] == pytest.approx(2400.0)


def test_an_announced_price_holds_from_its_month_on():
    serve = priced()
    serve.rates[6:] *= 2
    found = costs(world(serve=serve), "stay")
    assert (found[5], found[6]) == (pytest.approx(1600.0), pytest.approx(3200.0))


def test_an_expected_event_changes_the_price_on_its_day():
    month = 2_629_800.0
    event = PriceEvent(
        name="contract ends", where="vendor", at=world().begins + 3 * month, probability=1.0, low=50.0, value=50.0,
        high=50.0, source="contract", owner="purchasing",
    )  # fmt: skip
    found = costs(world(events=(event,)), "stay")
    assert (found[2], found[3]) == (pytest.approx(1600.0), pytest.approx(2400.0))
    elsewhere = costs(world(events=(replace(event, where="somebody else"),)), "stay")
    assert elsewhere[-1] == pytest.approx(1600.0)


def test_moving_costs_hours_and_both_for_a_while():
    found = costs(said(world(moved(priced("host", 0.2, 1.0, "open"))), **CERTAIN_BOX), "other")
    # 300 × 0.2 + 100 × 1 = 160 a month; 4 h × $50 once; staying is paid for another 1.5 months.
    assert found[:3] == pytest.approx([160 + 200 + 1600, 160 + 800, 160])


def test_worse_answers_cost_what_a_defect_costs():
    quality = Quality(low=-0.02, value=-0.02, high=-0.02, source="proof p")
    found = said(world(moved(priced("host", 0.2, 1.0), proven={"claims": quality})), **CERTAIN_BOX, defect_usd=0.5)
    # 100,000 calls × 0.02 × $0.5 = $1,000 a month
    assert costs(found, "other")[-1] == pytest.approx(160 + 1000)


def test_better_answers_are_not_booked_as_money():
    quality = Quality(low=0.02, value=0.02, high=0.02, source="proof p")
    found = said(world(moved(priced("host", 0.2, 1.0), proven={"claims": quality})), **CERTAIN_BOX, defect_usd=0.5)
    assert costs(found, "other")[-1] == pytest.approx(160)


def test_a_machine_is_written_off_and_draws_power_and_people():
    found = said(world(moved(hosting())), **CERTAIN_BOX)
    # Load: 100e6 / 200 + 300e6 / 2000 = 650,000 s of 2,629,800 a month; the p95 hour has twice that: one machine.
    # 3,600 / 36 + 0.1 kW × 730.5 h × 2 × $0.1 + $5 + 2 h × $50 = 100 + 14.61 + 5 + 100
    assert costs(found, "other")[-1] == pytest.approx(219.61)
    # At first 10 h to set it up, 4 h to move, and staying, which is paid for another month and a half.
    assert costs(found, "other")[0] == pytest.approx(219.61 + 500 + 200 + 1600)
    (one,) = simulate(found, certain(found)).hosted["other"]
    assert one.utilisation[0, 0] == pytest.approx(650_000 / 2_629_800)


def test_a_machine_that_cannot_carry_the_p95_hour_gets_a_second_one():
    slow = said(world(moved(hosting(write=70.0))), **CERTAIN_BOX)
    # 100e6 / 70 + 150,000 = 1,578,571 s, twice at p95: 1.2 machines.
    (one,) = simulate(slow, certain(slow)).hosted["other"]
    assert one.serving[0, 0] == 2
    assert costs(slow, "other")[-1] == pytest.approx(2 * 119.61 + 100)


def test_processes_on_the_same_machine_share_it():
    names = ("claims", "letters")
    other = Option(name="other", words="", serves=dict.fromkeys(names, hosting()), moved=names)
    found = said(world(other, usage={name: usage(name) for name in names}), **CERTAIN_BOX)
    (one,) = simulate(found, certain(found)).hosted["other"]
    assert one.serving[0, 0] == 1
    assert one.utilisation[0, 0] == pytest.approx(2 * 650_000 / 2_629_800)


def test_a_rented_machine_goes_back_when_usage_falls_and_a_bought_one_stays():
    shrinking = {"claims": usage(growth=(-0.2, -0.2, -0.2))}
    for rented, last in ((True, 1), (False, 2)):
        found = said(world(moved(hosting(write=70.0, rented=rented)), usage=shrinking), **CERTAIN_BOX)
        (one,) = simulate(found, certain(found)).hosted["other"]
        assert (one.serving[0, 0], one.serving[0, -1]) == (2, last)


def test_an_unmeasured_speed_of_reading_is_assumed_and_not_free():
    known, unknown = (
        said(world(moved(hosting(read=read))), **CERTAIN_BOX, prefill_ratio=10.0) for read in (2000.0, None)
    )
    # 200 tokens a second written, ten times as many read: the same.
    assert costs(known, "other") == pytest.approx(costs(unknown, "other"))


def test_an_option_that_can_not_be_priced_has_no_figure():
    lacking = Option(name="other", words="", lacks="nobody says what it costs")
    assert set(simulate(world(lacking), certain(world())).monthly) == {"stay"}


def test_the_same_seed_gives_the_same_figures_and_another_one_others():
    grows = world(usage={"claims": usage(growth=(-0.1, 0.0, 0.1))})
    first, again, other = (
        simulate(grows, Values(grows.rows, Chance(seed, 500))).monthly["stay"] for seed in (1, 1, 2)
    )  # fmt: skip
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_worker_of_the_gateway_never_loads_numpy_for_this():
    code = "import sys, switchover.wiring.worker; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
