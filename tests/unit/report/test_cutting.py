"""What cutting something off would do, in an organisation whose figures can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from switchover.domain.cut_off import Target
from switchover.domain.process import Price
from switchover.planning import BreakerState
from switchover.report.cutting import Effect, choices, preview
from switchover.report.losing import basis_now
from switchover.report.moving import Moving
from switchover.store import Store
from switchover.store.drills import place_cut_off
from switchover.store.register import build_snapshot
from switchover.testing.builders import make_cut_off
from switchover.testing.sample_organisation import NOW, fill, sample_settings

ENGINES = {"student": "http://127.0.0.1"}


@pytest.fixture
def store():
    with Store.open("sqlite://") as made:
        yield made


def looked(store, target, settings=None, *, breakers=None, endpoints=ENGINES):
    settings = settings or sample_settings()
    snapshot = build_snapshot(store, settings, endpoints, NOW)
    basis = basis_now(store, settings, snapshot, NOW, breakers or {}, {})
    moving = Moving(store, settings, basis.verdicts, NOW, settings.processes)
    return preview(basis, Target.parse(target), moving, running=True)


def effects(found):
    return {move.process.name: (move.effect, move.before, move.after) for move in found.moves}


def test_each_process_stops_moves_or_stays_by_its_plan(store):
    fill(store, sample_settings())
    found = looked(store, "provider:acme")
    assert found.loses == ("vendor",)
    assert effects(found) == {
        "claims": (Effect.MOVES, "vendor", "student"),
        "letters": (Effect.MOVES, "vendor", "other"),
        "notes": (Effect.STAYS, "other", "other"),
    }
    assert [move.process.name for move in found.moves] == ["claims", "letters", "notes"]
    assert effects(looked(store, "jurisdiction:DE"))["notes"] == (Effect.STOPS, "other", None)
    letters = next(move for move in looked(store, "jurisdiction:DE").moves if move.process.name == "letters")
    assert (letters.effect, letters.lost, letters.next) == (Effect.STAYS, ("other",), ())


def test_own_hardware_carries_what_was_measured_of_all_that_rest_on_it(store):
    settings = sample_settings()
    fill(store, settings)
    found = looked(store, "provider:acme")
    claims = found.moves[0]
    # Two slots, 0.05 s a reply: 2,400 a minute; six came in the busiest.
    assert (claims.capacity.per_minute, claims.capacity.peak_minute, claims.capacity.share) == (2400.0, 6, 1.0)
    (own,) = found.own
    assert (own.upstream, own.processes, own.share) == ("student", ("claims",), 1.0)
    assert any("whether beta takes all of letters" in line for line in found.unknown)
    assert not any("student" in line for line in found.unknown)


def test_a_move_costs_what_the_month_costs_there(store):
    settings = sample_settings()
    prices = {
        "vendor": Price(input_mtok="2", output_mtok="10", source="a test"),
        "other": Price(input_mtok="1", output_mtok="4", source="a test"),
    }
    upstreams = {name: replace(spec, price=prices.get(name)) for name, spec in settings.upstreams.items()}
    settings = replace(settings, upstreams=upstreams)
    fill(store, settings)
    letters = next(move for move in looked(store, "provider:acme", settings).moves if move.process.name == "letters")
    # 1,000 tokens in and 100 out a call: 3,000 to 1,400 millionths of a dollar.
    assert letters.cost_before / letters.cost_after == Decimal(3000) / Decimal(1400)
    claims = looked(store, "provider:acme", settings).moves[0]
    assert isinstance(claims.cost_after, str)
    assert "our own machine" in claims.cost_after


def test_a_replacement_whose_breaker_is_held_is_no_replacement_at_this_moment(store):
    fill(store, sample_settings())
    found = looked(store, "provider:acme", breakers={"other": BreakerState.HELD})
    assert effects(found)["letters"] == (Effect.STOPS, "vendor", None)
    stopped = looked(store, "provider:acme", endpoints={})
    assert effects(stopped)["claims"] == (Effect.STOPS, "vendor", None)


def test_what_has_stopped_already_and_what_was_never_recorded_are_told_apart(store):
    found = looked(store, "provider:acme")
    assert any("how much claims asks: nothing of it is recorded" in line for line in found.unknown)
    place_cut_off(store, make_cut_off(target=Target.parse("provider:acme"), placed_at=NOW - 1))
    assert effects(looked(store, "provider:acme"))["letters"] == (Effect.STOPPED, None, None)


def test_what_can_be_cut_off_is_every_provider_jurisdiction_and_upstream(store):
    settings = sample_settings()
    basis = basis_now(store, settings, build_snapshot(store, settings, ENGINES, NOW), NOW, {}, {})
    assert [(kind, [str(one) for one in found]) for kind, found in choices(basis)] == [
        ("Provider", ["provider:acme", "provider:beta"]),
        ("Jurisdiction", ["jurisdiction:DE", "jurisdiction:US"]),
        ("Upstream", ["upstream:vendor", "upstream:other", "upstream:student"]),
    ]
