"""Figures are what the exchanges say, counted once each, whatever order and however often they come."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, select

from switchover.domain.charge import Basis, Charge, Ending, Metered
from switchover.domain.exchange import UNDATED, AttemptRecord, Intent, Outcome, Usage
from switchover.store import Store, schema, traffic
from switchover.store.counting import TABLES, recount
from switchover.store.database import Store as Opened
from switchover.store.indexing import give_up_intents, save_exchanges, save_intents, save_spooled
from switchover.store.spool_frames import Position
from switchover.testing.builders import NOW, make_exchange

ROOT = Path(__file__).parents[3]
HOUR = 3600.0


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    """An empty store's file: migrated once, copied for each test."""
    path = tmp_path_factory.mktemp("blank") / "store.sqlite"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def store(tmp_path, blank):
    shutil.copy(blank, tmp_path)
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as opened:
        yield opened


def figures(store: Opened) -> dict[str, list[tuple[object, ...]]]:
    """What every table of figures holds, but for moments and rows of nothing."""
    with store.read() as connection:
        found = {}
        for table in TABLES:
            rows = [tuple(row) for row in connection.execute(select(*(c for c in table.c if c.name != "last_at")))]
            counts = len([c for c in table.c if not c.primary_key and c.name != "last_at"])
            found[table.name] = sorted(row for row in rows if any(row[-counts:]))
        return found


def dearer(exchange):
    """One and a half dollars, of which a dollar is for what was read; nothing is known without a usage."""
    basis, spent = (Basis.SETTLED, (10**9, 0, 0, 5 * 10**8, 0)) if exchange.usage else (Basis.UNPRICED, (0,) * 5)
    charge = Charge(upstream=exchange.upstream or "", model="m", provider="p", developer="d", ending=Ending.ANSWERED,
                    basis=basis, source="the test", spent=spent, listed=sum(spent))  # fmt: skip
    return Metered(charges=(charge,))


def intent(name, at=NOW):
    return Intent(id=name, process="customer-messages", route="customer-messages", dialect="openai_chat", started_at=at)


def test_exchanges_are_counted_by_who_answered_and_how_they_ended(store):
    failed = AttemptRecord(upstream="vendor", model="big-1", fault="overloaded", status=529, elapsed_ms=1.0)
    answered = AttemptRecord(upstream="student", model="student", fault=None, status=200, elapsed_ms=9.0)
    save_exchanges(
        store,
        [
            make_exchange(),
            make_exchange(upstream="student", model="student", attempts=(failed, answered), usage=None),
            make_exchange(outcome=Outcome.FAILED, upstream=None, model=None, attempts=(failed,), usage=None),
        ],
        dearer,
    )
    found = {(row.of["upstream"], row.of["outcome"]): row for row in traffic.asked(store, NOW)}
    assert {key: row.exchanges for key, row in found.items()} == {
        ("vendor", "complete"): 1,
        ("student", "complete"): 1,
        ("", "failed"): 1,
    }
    vendor = found["vendor", "complete"]
    assert (vendor.metered, vendor.input, vendor.output) == (1, 10, 3)
    assert (vendor.priced, vendor.spent) == (1, Decimal("1.5"))
    seen = {row.upstream: (row.asked, row.failed, row.last_at) for row in traffic.seen(store)}
    assert seen == {"vendor": (3, 2, NOW), "student": (1, 0, NOW)}


def test_a_usage_of_nothing_but_noughts_does_not_make_what_a_call_uses_less(store):
    save_exchanges(store, [make_exchange(usage=Usage(input=10, output=4)), make_exchange(usage=Usage())])
    (found,) = traffic.asked(store, 0.0, ("process",))
    assert (found.exchanges, found.metered, found.input) == (2, 1, 10)


def test_an_exchange_that_comes_twice_is_counted_once(store):
    one = make_exchange()
    save_exchanges(store, [one, one])
    before = figures(store)
    save_exchanges(store, [one])
    save_spooled(store, "w0", Position(1, 1), [one], [])
    assert figures(store) == before
    assert [row.exchanges for row in traffic.asked(store, NOW)] == [1]


def test_an_unfinished_exchange_gives_way_to_what_came_of_it(store):
    save_spooled(store, "w0", Position(1, 1), [], [intent("a"), intent("b")])
    give_up_intents(store, NOW + 1)
    save_intents(store, [intent("a")])
    assert {row.of["outcome"]: row.exchanges for row in traffic.asked(store, NOW)} == {"unfinished": 2}
    save_exchanges(store, [make_exchange(id="a")])
    save_intents(store, [intent("a")])
    found = {row.of["outcome"]: row.exchanges for row in traffic.asked(store, NOW)}
    assert found == {"unfinished": 1, "complete": 1}
    assert traffic.minutes(store)["customer-messages"].counts == {2: 1}


@pytest.fixture(scope="module")
def memory():
    with Store.open("sqlite://") as opened:
        yield opened


EXCHANGES = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.sampled_from(["claims", "letters"]),
        st.sampled_from(["openai_chat", "openai_embeddings", "anthropic_count_tokens"]),
        st.sampled_from(list(Outcome)),
        st.sampled_from([None, "vendor", "student"]),
        st.floats(0, 5 * HOUR),
        st.floats(0, 100_000),
        st.one_of(st.none(), st.builds(Usage, input=st.integers(0, 10**9), output=st.integers(0, 10**9))),
    ),
    max_size=40,
)


@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(EXCHANGES)
def test_counting_anew_gives_what_was_counted_as_they_came(memory, drawn):
    with memory.write() as connection:
        for table in (*TABLES, schema.exchange, schema.body):
            connection.execute(delete(table))
    for number, process, dialect, outcome, upstream, at, elapsed, usage in drawn:
        one = make_exchange(
            id=f"x{number}", process=process, dialect=dialect, outcome=outcome, upstream=upstream, usage=usage
        )
        save_exchanges(memory, [replace(one, started_at=NOW + at, elapsed_ms=elapsed)], dearer)
    counted = figures(memory)
    with memory.write() as connection:
        there = recount(connection, dearer)
    assert figures(memory) == counted
    assert sum(row.exchanges for row in traffic.asked(memory, 0.0)) == there


def test_figures_stay_when_their_exchanges_go_and_are_counted_anew(store):
    save_exchanges(store, [make_exchange(started_at=NOW - 5 * HOUR), make_exchange(started_at=NOW)])
    before = figures(store)
    with store.write() as connection:
        connection.execute(delete(schema.exchange).where(schema.exchange.c.started_at < NOW))
        assert recount(connection) == 1
    assert figures(store) == before


def test_what_was_imported_without_a_moment_is_load_of_no_hour(store):
    save_exchanges(store, [make_exchange(id=f"{UNDATED}one"), make_exchange(id="import-two")], dearer)
    assert sum(row.exchanges for row in traffic.asked(store, 0.0)) == 1
    assert sum(one.asked for one in traffic.seen(store)) == 1
    assert [sum(one.counts.values()) for one in traffic.minutes(store).values()] == [1]


def test_a_model_may_call_itself_what_it_likes(store):
    save_exchanges(store, [make_exchange(model="m" * 5000), make_exchange(model="m" * 6000)])
    assert [(row.of["model"], row.exchanges) for row in traffic.asked(store, NOW, ("model",))] == [("m" * 128, 2)]


def test_times_are_told_within_their_bucket(store):
    save_exchanges(store, [make_exchange(elapsed_ms=float(n), first_content_ms=None) for n in range(1, 101)])
    [row] = traffic.took(store, NOW)
    assert row.elapsed_p50 == pytest.approx(50, abs=1)
    assert row.elapsed_p95 == pytest.approx(95, abs=1)
    assert (row.first_p50, row.exchanges) == (None, 100)


def test_a_time_beyond_the_last_bucket_is_not_made_up(store):
    save_exchanges(store, [make_exchange(elapsed_ms=3_600_000.0)])
    assert traffic.took(store, NOW)[0].elapsed_p95 is None


def test_a_window_begins_with_its_full_hour(store):
    hour = NOW - NOW % HOUR
    save_exchanges(store, [make_exchange(started_at=hour + 1), make_exchange(started_at=hour - 1)])
    assert sum(row.exchanges for row in traffic.asked(store, hour + 1800)) == 1


def test_what_is_not_complete_is_found_by_its_index_however_much_is(store):
    save_exchanges(store, [make_exchange(started_at=NOW + n) for n in range(50)])
    failed = [make_exchange(outcome=Outcome.FAILED, started_at=NOW + n) for n in (10, 20)]
    save_exchanges(store, failed)
    assert [one.id for one in traffic.newest_failures(store)] == [failed[1].id, failed[0].id]
    asked: list[tuple[str, object]] = []
    event.listen(store.engine, "before_cursor_execute", lambda *args: asked.append((args[2], args[3])))
    traffic.newest_failures(store)
    [(statement, parameters)] = [one for one in asked if str(one[0]).startswith("SELECT")]
    with store.read() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    assert "USING INDEX ix_exchange_not_complete" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


def test_a_store_of_thousands_is_asked_as_one_of_a_million_is(tmp_path):
    """``make million`` in small: generates, counts anew, and every query of the page within its bound."""
    spec = importlib.util.spec_from_file_location("million", ROOT / "benchmarks" / "million.py")
    million = importlib.util.module_from_spec(spec)
    sys.modules["million"] = million
    spec.loader.exec_module(million)
    million.generate(tmp_path, 3000, seed=7)
    million.VISITS = 3
    found = million.ask(tmp_path)
    assert found["exchanges"] == {"count": 3000}
    assert len(found) > 12
    # Memory is that of this very process, which has run other tests.
    # So few visits have no p95.
    assert [name for name in million.too_much(found) if "memory" not in name and "p95 and p50" not in name] == []
    with Store.open(million.settings(tmp_path).database) as store:
        asked = traffic.asked(store, 0.0)
        assert sum(row.exchanges for row in asked) == 3000
        assert sum(row.priced for row in asked) > 2900
        times = [row.elapsed_p50 for row in traffic.took(store, 0.0) if row.exchanges > 100]
    assert times
    assert all(500 < time < 2000 for time in times), json.dumps(times)


def test_hours_of_a_process_are_answers_in_words_summed_over_how_they_ended(store):
    first, later = NOW // HOUR * HOUR, NOW // HOUR * HOUR + 3 * HOUR
    save_exchanges(
        store,
        [
            make_exchange(started_at=later, usage=Usage(input=100, cached_input=40, output=10)),
            make_exchange(started_at=first, usage=Usage(input=10, output=1)),
            make_exchange(started_at=first + 1, outcome=Outcome.ABANDONED, usage=None),
            make_exchange(started_at=first, dialect="openai_embeddings", usage=Usage(input=9999, output=0)),
            make_exchange(started_at=first, process="other"),
        ],
        dearer,
    )
    found = traffic.hourly(store)
    assert set(found) == {"customer-messages", "other"}
    early, late = found["customer-messages"]
    assert (early.hour, late.hour) == (int(first // HOUR), int(first // HOUR) + 3)
    assert (early.exchanges, early.metered, early.input, early.output) == (2, 1, 10, 1)
    assert (late.input, late.cached_input, late.output, late.spent) == (100, 40, 10, Decimal("1.5"))
    assert [one.hour for one in traffic.hourly(store, later)["customer-messages"]] == [late.hour]
