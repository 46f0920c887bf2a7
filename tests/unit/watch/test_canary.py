"""Canaries: a model that changes without a word is seen; one answer that differs says nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switchover.domain.candidate import State
from switchover.domain.cut_off import Target, TargetKind
from switchover.domain.process import Sampling
from switchover.domain.watching import ChangeKind, Why
from switchover.store.canaries import canaries, canary_calls
from switchover.store.changes import changes
from switchover.store.register import set_baseline_lost, set_suspension, suspensions
from switchover.testing.builders import make_cut_off
from switchover.watch.canary import watch_canaries
from switchover.watch.canary_set import MOST, TRIED, usual_of

DAY = 86_400.0


def calls(desk, upstream):
    kept = canaries(desk.store, "messages", upstream)
    return canary_calls(desk.store, kept[0].name) if kept else []


def test_a_set_is_drawn_once_and_asked_so_many_times_a_day(desk):
    before = dict(desk.asked)
    found = desk.run(watch_canaries)
    assert all(one.well for one in found)
    assert {one.about for one in found} == {"vendor", "other"}
    assert {name: len(canaries(desk.store, "messages", name)) for name in before} == {"vendor": MOST, "other": MOST}
    assert desk.asked["vendor"] - before["vendor"] == 20
    assert desk.asked["other"] - before["other"] == TRIED + 20
    drawn = canaries(desk.store, "messages", "other")
    desk.run(watch_canaries)
    assert len(calls(desk, "vendor")) == 20
    desk.clock.advance(DAY)
    desk.run(watch_canaries)
    assert canaries(desk.store, "messages", "other") == drawn
    assert len(calls(desk, "vendor")) == len(calls(desk, "other")) == 40
    assert {call.exchange for call in calls(desk, "other")} == {one.exchange for one in drawn}


def test_a_baseline_that_changed_ends_its_epoch_and_every_proof_made_against_it(desk):
    (proof,) = desk.proofs
    desk.run(watch_canaries)
    desk.wrong["vendor"] = 0.3
    found = desk.days(watch_canaries, 8, traffic=0)
    assert any("vendor has changed without a word" in one.said for one in found)
    assert desk.proofs == []
    assert desk.verdict(proof).state is State.EXPIRED
    assert "the baseline vendor has changed without a word" in desk.verdict(proof).evidence.reasons[0]
    assert [change.kind for change in changes(desk.store)] == [ChangeKind.BASELINE]
    assert desk.due() == [("other", Why.CHANGED)]
    assert {"change noticed", "proof revoked", "verdict saved"} <= set(desk.events)
    assert suspensions(desk.store) == {}


def test_a_replacement_that_changed_has_its_proofs_suspended_until_it_is_restored(desk):
    desk.run(watch_canaries)
    first = canaries(desk.store, "messages", "other")[0].name
    desk.wrong["other"] = 0.4
    desk.days(watch_canaries, 8, traffic=0)
    assert "canaries" in suspensions(desk.store)["other"].why
    assert "proofs suspended" in desk.events
    assert len(desk.proofs) == 1
    assert changes(desk.store) == []
    asked = desk.asked["other"]
    desk.days(watch_canaries, 1, traffic=0)
    assert desk.asked["other"] == asked
    set_suspension(desk.store, "other", None)
    desk.wrong["other"] = 0.0
    desk.days(watch_canaries, 1, traffic=0)
    assert canaries(desk.store, "messages", "other")[0].name != first
    assert suspensions(desk.store) == {}


def test_answers_that_differ_now_and_then_and_calls_that_fail_raise_no_alarm(desk):
    desk.run(watch_canaries)
    desk.wrong |= {"vendor": 0.04, "other": 0.02}
    assert all(one.well for one in desk.days(watch_canaries, 4, traffic=0))
    desk.down = {"vendor", "other"}
    assert all(one.well for one in desk.days(watch_canaries, 2, traffic=0))
    assert {call.reason for call in calls(desk, "vendor") if call.score is None} == {"unreachable"}
    assert changes(desk.store) == []
    assert suspensions(desk.store) == {}


def test_nobody_is_asked_who_is_cut_off_or_lost_or_without_a_proof_or_need(desk):
    before = dict(desk.asked)
    cut = [make_cut_off(target=Target(TargetKind.UPSTREAM, name)) for name in ("vendor", "other")]
    assert desk.run(watch_canaries, cuts=cut) == []
    set_baseline_lost(desk.store, "messages", desk.clock.now())
    assert [one.about for one in desk.run(watch_canaries)] == ["other"]
    assert desk.asked["vendor"] == before["vendor"]
    set_baseline_lost(desk.store, "messages", None)
    none = {"messages": replace(desk.process, watch=Sampling(canaries=0))}
    assert desk.run(watch_canaries, settings=replace(desk.settings, processes=none)) == []
    desk.clock.advance(60 * DAY)
    assert desk.run(watch_canaries) == []


def test_the_days_allowance_bounds_the_calls(desk):
    watch = replace(desk.settings.watch, calls_per_day=15)
    desk.settings = replace(desk.settings, watch=watch)
    before = sum(desk.asked.values())
    desk.run(watch_canaries)
    assert sum(desk.asked.values()) - before == 15


@pytest.mark.parametrize(("agreements", "most"), [([1.0] * 400, 0.95), ([1.0] * 40, 0.93), ([1.0, 0.0] * 50, 0.5)])
def test_what_is_usual_is_as_much_as_was_shown_and_never_more_than_95_percent(agreements, most):
    assert 0.65 * most < usual_of(agreements) <= most
