"""A drilled cut-off is watched, and lapses when nobody watches it."""

from __future__ import annotations

import pytest

from switchover.drill.cut_off import LOST_AFTER_S, Deserted, Hold
from switchover.store.drills import cut_offs, get_cut_off, heartbeat, lift_cut_off, place_cut_off
from switchover.testing.builders import NOW, make_cut_off
from switchover.testing.clock import ManualClock


@pytest.fixture
def held(store):
    clock = ManualClock()
    cut = make_cut_off(fault="vanished", drill="d", expires_at=NOW + 60)
    place_cut_off(store, cut)
    return Hold(cut, store, clock), store, clock, cut


def test_a_regular_heartbeat_is_no_reason_to_stop(held):
    hold, _, clock, _ = held
    for _ in range(20):
        clock.advance(1.0)
        assert hold.beat() is None


def test_a_lost_heartbeat_stops_the_drill(held):
    hold, _, clock, _ = held
    clock.advance(LOST_AFTER_S + 0.1)
    assert "heartbeat was lost" in hold.beat()


def test_a_cut_off_that_somebody_lifted_stops_the_drill(held):
    hold, store, clock, cut = held
    lift_cut_off(store, cut.id, "someone", NOW)
    clock.advance(1.0)
    assert "somebody else" in hold.beat()


def test_without_its_drill_a_cut_off_lapses(held):
    _, store, clock, cut = held
    clock.advance(59.0)
    assert [c.id for c in cut_offs(store, in_force_at=clock.now())] == [cut.id]
    clock.advance(2.0)
    assert cut_offs(store, in_force_at=clock.now()) == []


def test_a_cut_off_whose_drill_was_killed_is_lifted_long_before_it_lapses_and_one_that_is_watched_is_not(held):
    hold, store, clock, cut = held
    place_cut_off(store, make_cut_off(id="real", expires_at=NOW + 60))
    deserted = Deserted(clock)
    for _ in range(20):
        clock.advance(1.0)
        assert hold.beat() is None
        assert deserted.lift(store) == []
    for _ in range(int(LOST_AFTER_S)):
        clock.advance(1.0)
        assert deserted.lift(store) == []
    clock.advance(1.0)
    assert [one.id for one in deserted.lift(store)] == [cut.id]
    assert [one.id for one in cut_offs(store, in_force_at=clock.now())] == ["real"]
    assert get_cut_off(store, cut.id)[1] == "the keeper"
    assert "somebody else" in Hold(cut, store, clock).beat()


def test_a_drill_on_a_machine_whose_clock_is_behind_is_not_taken_for_gone(held):
    _, store, clock, cut = held
    deserted = Deserted(clock)
    for _ in range(20):
        clock.advance(1.0)
        heartbeat(store, cut.id, clock.now() - 3600.0)
        assert deserted.lift(store) == []


def test_the_same_exchange_always_falls_the_same_way_and_the_share_is_kept():
    cut = make_cut_off(share=0.3)
    first = [cut.reaches(f"x{n}") for n in range(5000)]
    assert first == [cut.reaches(f"x{n}") for n in range(5000)]
    assert sum(first) / 5000 == pytest.approx(0.3, abs=0.03)
    assert make_cut_off().reaches("anything")
