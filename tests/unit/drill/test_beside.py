"""A drill beside its control: intervals that hold, what was detected when, and what a drill shows so far."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from switchover.config import load
from switchover.domain.process import Price
from switchover.drill.beside import average, compared, failures, record, so_far, tail
from switchover.drill.limits import limits_said, not_shown
from switchover.store import Store
from switchover.store.drills import count_drills, cut_off_of, drills
from switchover.testing.sample_candidates import CONFIGURATION, fill
from switchover.testing.sample_drills import fill_drills

NOW = 1_790_000_000.0


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    path = folder / "switchover.yaml"
    path.write_text(CONFIGURATION, encoding="utf-8")
    settings = load(str(path))
    with Store.open(f"sqlite:///{folder}/store.sqlite") as store:
        verdicts = fill(store, settings, NOW, cases=8, long=10)
        yield store, settings, fill_drills(store, NOW, verdicts["messages other"])


def read(sample, name="passed", until=NOW, **limits):
    store, settings, made = sample
    drill = made[name]
    cut = cut_off_of(store, drill.id)
    ends = drill.outcome.lifted_at if drill.outcome else until
    return drill, cut, record(store, drill, cut, settings, ends, **limits)


def test_the_record_of_a_drill_says_what_its_outcome_says(sample):
    drill, _, found = read(sample)
    assert found.whole
    assert sum(one.drilled for one in found.seen) == drill.outcome.requests
    assert sum(not one.drilled for one in found.seen) == drill.outcome.control_requests


def test_the_gateway_knew_once_the_first_try_that_met_the_fault_had_ended(sample):
    drill, _, found = read(sample)
    assert found.detected_at == pytest.approx(drill.outcome.first_fault_at + 0.090)


def test_a_long_drill_is_read_so_far_and_says_so(sample):
    _, _, found = read(sample, most=30)
    assert (len(found.seen), found.whole) == (30, False)


def test_a_drill_under_way_shows_what_it_observed_so_far(sample):
    drill, cut, found = read(sample, "running")
    outcome = so_far(found, drill, cut, NOW)
    assert outcome.requests == sum(one.drilled for one in found.seen) > 0
    assert outcome.lifted_at == NOW
    assert outcome.steady_at is None


def test_errors_latency_and_cost_stand_beside_the_control(sample):
    drill, _, found = read(sample)
    _, settings, _ = sample
    own = Price(input_mtok="1.00", output_mtok="2.00", source="contract")
    upstreams = {
        name: replace(spec, price=own if name == "vendor" else replace(own, input_mtok="3.00"))
        for name, spec in settings.upstreams.items()
    }
    failed, late, cost = compared(drill.outcome, found, upstreams)
    assert (failed.drilled.value, failed.drilled.count) == (0.0, drill.outcome.requests)
    assert late.drilled.value == drill.outcome.p95_ms
    assert late.control.value == drill.outcome.control_p95_ms
    # 90 tokens in and 40 out, at 1 and 2 USD a million, and at 3 and 2.
    assert cost.control.value == pytest.approx(170e-6)
    assert cost.drilled.value == pytest.approx(350e-6)


def test_what_has_no_price_says_why_and_is_not_free(sample):
    drill, _, found = read(sample)
    cost = compared(drill.outcome, found, sample[1].upstreams)[2]
    assert cost.drilled is None
    assert "no published price" in cost.said


def test_without_exchanges_what_was_counted_then_is_left(sample):
    drill = sample[2]["passed"]
    failed, late = compared(drill.outcome, None, {})
    assert failed.drilled.high < 0.1
    assert (late.drilled.value, late.drilled.high) == (drill.outcome.p95_ms, None)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Of 400 draws of 200 each a 95 % interval misses about 20 times; by chance alone hardly ever over 36."""
    rng = random.Random(7)
    missed = {"mean": 0, "tail": 0}
    for _ in range(400):
        drawn = [rng.expovariate(1.0) for _ in range(200)]
        mean, late = average(drawn), tail(drawn)
        missed["mean"] += not mean.low <= 1.0 <= mean.high
        # The 95th percentile of that law is ln 20.
        missed["tail"] += not late.low <= 2.995732 <= (late.high if late.high is not None else 1e9)
    assert missed["mean"] <= 36
    assert missed["tail"] <= 36


def test_too_few_to_bound_the_tail_from_above_say_so():
    assert tail([]) is None
    assert tail([5.0]).high is None
    assert tail([float(n) for n in range(20)]).high is None
    assert average([1.0]).high is None
    assert failures(0, 0) is None


def test_drills_are_paged_and_counted(sample):
    store, _, made = sample
    newest = [one.id for one in drills(store)]
    assert [one.id for one in drills(store, limit=2)] == newest[:2]
    assert [one.id for one in drills(store, "messages", limit=3, start=2)] == newest[2:5]
    assert drills(store, "replies") == []
    assert len(drills(store, since=NOW - 365 * 86_400.0)) == len(made) - 1
    assert count_drills(store) == {"messages": len(made)}
    assert cut_off_of(store, made["failed"].id) is None


def test_the_limits_are_said_and_what_the_result_does_not_show(sample):
    drill = sample[2]["passed"]
    assert limits_said(drill)[:3] == [
        "answers again within 300 s",
        "then steady for 20 s",
        "at most 2.0% of the callers fail",
    ]
    assert limits_said(replace(drill, thresholds={"new": 3.0})) == ["new 3"]
    told = list(not_shown(drill))
    assert any("50% of it met the fault" in one for one in told)
    assert not any("carries all" in one for one in not_shown(replace(drill, share=1.0)))
    assert any("did not come to a decision" in one for one in not_shown(sample[2]["stopped"]))
