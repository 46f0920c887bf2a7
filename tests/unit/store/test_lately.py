"""What came in lately, by the newest exchanges and the counted minutes; and a cut-off that two place at once."""

from __future__ import annotations

import pytest

from switchover.domain.cut_off import CutOff, Target
from switchover.domain.exchange import AttemptRecord, Outcome
from switchover.store import Store
from switchover.store.drills import cut_offs, get_cut_off, lift_cut_off, place_cut_off, place_once
from switchover.store.indexing import save_exchanges
from switchover.store.lately import failed_minutes, last_minutes, newest, peaks
from switchover.store.register import register_version
from switchover.testing.builders import make_exchange

# Half past an hour, so that the last sixty minutes lie in two.
NOW = 1_793_491_200.0 + 1800.0
ACME = Target.parse("provider:acme")


@pytest.fixture
def store():
    with Store.open("sqlite://") as made:
        yield made


def tried(name, fault=None):
    return AttemptRecord(upstream=name, model="m", fault=fault, status=200, elapsed_ms=5.0)


def exchange(name, ago, **more):
    given = {"upstream": "vendor", "attempts": (tried("vendor"),), "process": "claims", **more}
    return make_exchange(id=name, started_at=NOW - ago, **given)


def test_the_newest_exchanges_say_who_was_asked_who_failed_and_who_answered(store):
    save_exchanges(
        store,
        [
            exchange("whole", 1),
            exchange("moved", 2, upstream="other", attempts=(tried("vendor", "overloaded"), tried("other"))),
            exchange("slow", 3, attempts=(tried("vendor", "slow-drip"),)),
            exchange("lost", 4, upstream=None, outcome=Outcome.FAILED, attempts=(tried("vendor", "denied"),)),
            exchange("left", 5, outcome=Outcome.ABANDONED),
            exchange("old", 301),
        ],
    )
    found = newest(store, NOW - 300)
    claims = found.processes["claims"]
    assert (claims.exchanges, claims.failed) == (5, 1)
    assert claims.by_upstream == {"vendor": 3, "other": 1}
    assert len(claims.elapsed_ms) == 3
    # What was slow was answered all the same, as the counted figures have it.
    assert found.tried == {"vendor": (5, 2), "other": (1, 0)}
    assert (found.faults["vendor"].exchange, found.faults["vendor"].fault) == ("moved", "overloaded")
    assert (found.newest, found.cut, found.since) == (NOW - 1, False, NOW - 300)


def test_no_more_than_so_many_are_looked_at_and_that_is_told(store):
    save_exchanges(store, [exchange(f"x{number}", number) for number in range(9)])
    found = newest(store, NOW - 300, most=4)
    assert (found.cut, found.since, found.processes["claims"].exchanges) == (True, NOW - 3, 4)
    assert newest(store, NOW + 1).newest is None


def test_the_last_sixty_minutes_are_those_across_the_hour_and_no_others(store):
    failed = {"upstream": None, "outcome": Outcome.FAILED, "attempts": (tried("vendor", "denied"),)}
    save_exchanges(
        store,
        [
            exchange("now", 0),
            exchange("before", 1, **failed),
            exchange("half", 1800),
            exchange("first", 59 * 60, **failed),
            exchange("earlier", 3600),
        ],
    )
    minutes, broken = last_minutes(store, NOW)["claims"], failed_minutes(store, NOW)["claims"]
    assert {at: count for at, count in enumerate(minutes) if count} == {59: 1, 58: 1, 29: 1, 0: 1}
    assert {at: count for at, count in enumerate(broken) if count} == {58: 1, 0: 1}
    assert last_minutes(store, NOW + 7200) == {}


def test_the_busiest_minute_is_the_busiest_of_any_hour(store):
    save_exchanges(store, [exchange(f"a{number}", 7170 + number / 10) for number in range(5)])
    save_exchanges(store, [exchange(f"b{number}", 30 + number / 10, process="notes") for number in range(2)])
    assert peaks(store) == {"claims": 5, "notes": 2}
    assert peaks(store, NOW - 3600) == {"notes": 2}


def cut(name, at=NOW, lasting=None):
    expires_at = None if lasting is None else at + lasting
    return CutOff(id=name, target=ACME, reason="a letter", by=name, placed_at=at, expires_at=expires_at)


@pytest.mark.parametrize(
    ("first", "second", "stands"),
    [
        (None, None, True),
        (None, 900.0, True),
        (900.0, 900.0, True),
        (900.0, 930.0, True),
        (900.0, 3600.0, False),
        (900.0, None, False),
    ],
)
def test_a_cut_off_stands_for_another_of_its_target_that_lasts_no_longer(store, first, second, stands):
    _, fact = place_once(store, cut("one", lasting=first))
    assert fact is not None
    version = register_version(store)
    found, again = place_once(store, cut("two", NOW + 5, lasting=second))
    assert (found.id, again is None) == ("one" if stands else "two", stands)
    assert (register_version(store) == version) == stands
    assert len(cut_offs(store, in_force_at=NOW + 6)) == (1 if stands else 2)


def test_one_that_is_over_or_drilled_or_of_one_process_stands_for_none(store):
    place_once(store, cut("lifted"))
    lift_cut_off(store, "lifted", "somebody", NOW + 1)
    place_once(store, cut("lapsed", NOW + 2, lasting=1.0))
    drilled = CutOff(
        id="drilled", target=ACME, reason="a drill", by="x", placed_at=NOW, fault="denied", processes=("claims",)
    )
    place_cut_off(store, drilled)
    found, fact = place_once(store, cut("real", NOW + 10))
    assert found.id == "real"
    assert fact is not None
    assert get_cut_off(store, "lifted")[1] == "somebody"
    assert get_cut_off(store, "real")[1] is None
    assert get_cut_off(store, "none") is None
