"""What a drill, a proof, a cut-off and a parent company change about who survives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switchover.domain.cut_off import CutOff, Target
from switchover.domain.process import Provider
from switchover.report.model import Fate
from switchover.store.drills import place_cut_off, save_drill
from switchover.testing.sample_organisation import DAY, NOW, fill, prove, sample_drill, sample_settings

SETTINGS = sample_settings()


def claims(report, target="provider:acme"):
    loss = next(loss for loss in report.losses if str(loss.target) == target)
    return loss, next(fate for fate in loss.fates if fate.process == "claims")


def test_a_drill_on_a_part_counts_for_all_where_all_is_measured_to_fit(store, answer):
    fill(store, SETTINGS, share=0.5)
    _, fate = claims(answer())
    assert (fate.fate, fate.shown) == (Fate.DRILLED, 1.0)
    assert "tried on 50 % of the calls" in fate.why
    assert "measured to carry the busiest recorded minute whole" in fate.why


def test_a_drill_on_a_part_counts_for_that_part_where_the_rest_may_not_fit(store, answer):
    fill(store, SETTINGS, share=0.25)
    # A newer rehearsal of the same replacement took 60 s an answer: 2 a minute against 6.
    prove(store, SETTINGS, "claims", "student", made_at=NOW - 60, seconds=60.0)
    loss, fate = claims(answer())
    assert (fate.fate, fate.shown) == (Fate.IN_PART, 0.25)
    # A quarter of 60 calls of 90; the rest is proven and untested, as are the 30 letters.
    assert loss.surviving == pytest.approx(15 / 90)
    assert loss.proven == pytest.approx(1.0)


def test_a_drill_on_everything_needs_no_measurement(store, answer):
    fill(store, SETTINGS, share=1.0)
    prove(store, SETTINGS, "claims", "student", made_at=NOW - 60, seconds=60.0)
    assert claims(answer())[1].fate is Fate.DRILLED


def test_a_renewed_proof_of_the_same_replacement_keeps_its_drill(store, answer):
    fill(store, SETTINGS, share=1.0)
    renewed = prove(store, SETTINGS, "claims", "student", made_at=NOW - 60, seconds=0.05)
    _, fate = claims(answer())
    assert (fate.fate, fate.proof) == (Fate.DRILLED, renewed.id)


@pytest.mark.parametrize(("result", "fate"), [("failed", Fate.FAILED), ("passed", Fate.DRILLED)])
def test_the_newest_drill_that_decided_counts(store, answer, result, fate):
    fill(store, SETTINGS, result="failed" if result == "passed" else "passed")
    proof = prove(store, SETTINGS, "claims", "student", seconds=0.05)
    save_drill(store, sample_drill(proof, name="later", result=result, begun_at=NOW - 60))
    assert claims(answer())[1].fate is fate


def test_a_later_drill_that_decided_nothing_changes_nothing(store, answer):
    fill(store, SETTINGS)
    proof = prove(store, SETTINGS, "claims", "student", seconds=0.05)
    save_drill(store, sample_drill(proof, name="later", result="stopped", rto=None, begun_at=NOW - 60))
    assert claims(answer())[1].fate is Fate.DRILLED


def test_a_drill_slower_than_promised_does_not_survive(store, answer):
    fill(store, SETTINGS, rto=301.0)
    loss, fate = claims(answer())
    assert fate.fate is Fate.TOO_SLOW
    assert loss.surviving == 0.0
    assert loss.proven == pytest.approx(30 / 90)


def test_a_drill_older_than_a_year_is_no_longer_counted(store, answer):
    fill(store, SETTINGS)
    prove(store, SETTINGS, "claims", "student", seconds=0.05, expires_at=NOW + 500 * DAY)
    _, fate = claims(answer(at=NOW + 366 * DAY))
    assert fate.fate is Fate.UNTESTED
    assert "more than a year old" in fate.why


def test_an_expired_proof_saves_nobody(store, answer):
    fill(store, SETTINGS)
    report = answer(at=NOW + 21 * DAY)
    loss, fate = claims(report)
    assert fate.fate is Fate.STOPS
    assert "its proof has expired" in fate.why
    assert loss.surviving == 0.0
    assert report.answers[1].figure == "0 of 3"
    assert report.answers[3].figure == "0 %"


def test_a_process_that_has_stopped_already_survives_nothing(store, answer):
    fill(store, SETTINGS)
    for name in ("upstream:vendor", "upstream:student"):
        place_cut_off(
            store, CutOff(id=name, target=Target.parse(name), reason="letter", by="someone", placed_at=NOW - 60)
        )
    loss, fate = claims(answer(), "provider:beta")
    assert fate.fate is Fate.STOPPED
    # Claims has stopped; letters runs on other, which falls with beta.
    assert loss.surviving == 0.0


def test_under_a_cut_off_the_other_loss_is_the_worse(store, answer):
    fill(store, SETTINGS)
    target = Target.parse("provider:acme")
    place_cut_off(store, CutOff(id="c", target=target, reason="letter", by="someone", placed_at=NOW - 60))
    report = answer()
    assert [loss.happened for loss in report.losses] == [True, False, False, True]
    loss, _ = claims(report, "provider:beta")
    # Letters lives on beta by now, and stops with it; claims is on the student.
    assert {fate.process: fate.fate for fate in loss.fates}["letters"] is Fate.STOPS
    assert loss.proven == pytest.approx(60 / 90)
    assert "as it is now" in report.answers[0].words


def one_parent():
    providers = {
        **SETTINGS.providers,
        "acme": Provider(name="acme", home="IE", parent="megacorp", parent_home="US"),
        "beta": Provider(name="beta", home="DE", parent="megacorp", parent_home="US"),
    }
    return replace(SETTINGS, providers=providers)


def test_two_providers_with_one_parent_are_lost_together(store, answer):
    fill(store, SETTINGS)
    report = answer(one_parent())
    # Ireland and Germany are members of the EU, so the EU is a target of its own.
    assert [str(loss.target) for loss in report.losses] == [
        "provider:megacorp",
        "jurisdiction:DE",
        "jurisdiction:EU",
        "jurisdiction:IE",
        "jurisdiction:US",
    ]
    for target in ("provider:megacorp", "jurisdiction:US", "jurisdiction:EU"):
        loss, _ = claims(report, target)
        assert loss.loses == ("vendor", "other")
        # Letters falls back on beta, which falls with acme: only claims goes on.
        assert loss.surviving == loss.proven == pytest.approx(60 / 90)
    # Two contracts: vendor's 100 of 110 answers and other's 10; and one parent behind both.
    assert report.concentration["provider"] == pytest.approx(10_100 / 12_100)
    assert report.concentration["parent"] == report.concentration["jurisdiction"] == 1.0


def test_an_engine_that_is_down_serves_nobody_unless_nothing_is_meant_to_run(store, answer):
    fill(store, SETTINGS)
    down = answer(engines={})
    assert claims(down)[1].fate is Fate.STOPS
    assert "its engine is not running" in claims(down)[1].why
    supposed = answer(engines={}, running=False)
    assert supposed.supposed
    assert claims(supposed)[1].fate is Fate.DRILLED
