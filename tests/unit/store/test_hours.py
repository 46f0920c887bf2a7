"""What the figures tell of a process, on either database, and what of it has to be read."""

from __future__ import annotations

from switchover.costs.metering import meter
from switchover.domain.charge import Basis, Ending
from switchover.domain.exchange import Outcome, Usage
from switchover.domain.process import Price
from switchover.store import schema
from switchover.store.hours import hours
from switchover.store.indexing import save_exchanges
from switchover.store.spending import record_spend
from switchover.testing.builders import NOW, make_exchange, make_upstream

HOUR = 3600
START = NOW // HOUR * HOUR
PROCESS = "customer-messages"
KNOWN = {"vendor": make_upstream(price=Price(input_mtok="2", output_mtok="8", source="contract 7"))}


def priced(exchange):
    return meter(exchange, KNOWN)


def told(store, since=None, has_price=lambda *of: True):
    return hours(store, PROCESS, has_price, since)


def at(hour, **more):
    return make_exchange(started_at=START + hour * HOUR, usage=Usage(input=1000, output=100), **more)


def test_hours_that_have_a_price_are_told_by_their_figures(store):
    lost = at(1.75, upstream=None, attempts=(), outcome=Outcome.FAILED)
    save_exchanges(store, [at(0.5, id="a"), at(1.5, id="b"), at(1.7, id="c"), lost], priced)
    save_exchanges(store, [at(0.1, dialect="anthropic_count_tokens"), at(0.2, process="mail")], priced)
    record_spend(store, PROCESS, START, "rehearsal", priced(at(0.1)).charges)
    found = told(store)
    assert (found.first, found.last) == (START + 0.5 * HOUR, START + 1.75 * HOUR)
    assert [(row.hour - START // HOUR, row.upstream, row.exchanges, row.priced, row.spent) for row in found.rows] == [
        (0, "vendor", 1, 1, 2_800_000), (1, "", 1, 1, 0), (1, "vendor", 2, 2, 5_600_000),
    ]  # fmt: skip
    assert [tuple(one) for one in found.charges] == [("vendor", Ending.ANSWERED, Basis.SETTLED, "contract 7", 3)]
    assert found.tried == {"vendor": 3}
    assert [sum(minutes) for _, minutes in sorted(found.minutes.items())] == [1, 3]
    assert found.examples == {"vendor": "a", None: lost.id}
    assert found.unread == []


def test_hours_of_which_not_all_has_a_price_are_to_be_read_together(store):
    save_exchanges(store, [at(hour) for hour in (0.5, 3.5, 5.5)], priced)
    save_exchanges(store, [at(1.2), at(2.2)])
    gone = at(3.2, upstream="gone", attempts=())
    save_exchanges(store, [gone], priced)
    found = told(store)
    assert found.unread == [(START + HOUR, START + 4 * HOUR)]
    assert [row.hour - START // HOUR for row in found.rows] == [0, 5]
    assert found.tried == {"vendor": 2}


def test_an_hour_is_not_read_for_what_has_no_price_still_but_for_what_was_never_metered(store):
    save_exchanges(store, [at(hour, upstream="gone", attempts=()) for hour in (0.5, 1.2, 2.5)], priced)
    save_exchanges(store, [at(1.7)])
    asked = []

    def has_price(upstream, model, moment):
        asked.append((upstream, (moment - START) // HOUR))
        return moment == START + 3 * HOUR - 1

    found = told(store, has_price=has_price)
    assert found.unread == [(START + HOUR, START + 3 * HOUR)]
    assert asked == [("gone", 0), ("gone", 1), ("gone", 2)]
    assert [(row.hour - START // HOUR, row.exchanges, row.priced) for row in found.rows] == [(0, 1, 0)]
    assert [(one.basis, one.calls) for one in found.charges] == [(Basis.UNPRICED, 1)]


def test_the_hour_that_a_window_begins_in_is_to_be_read_from_there(store):
    save_exchanges(store, [at(hour) for hour in (0.5, 1.2, 1.7, 2.5)], priced)
    found = told(store, START + 1.5 * HOUR)
    assert (found.first, found.unread) == (START + 1.7 * HOUR, [(START + 1.7 * HOUR, START + 2 * HOUR)])
    assert [row.hour - START // HOUR for row in found.rows] == [2]
    whole = told(store, START + HOUR)
    assert (whole.unread, sum(row.exchanges for row in whole.rows)) == ([], 3)


def test_of_what_is_no_longer_on_record_nothing_is_told(store):
    save_exchanges(store, [at(0.5, id="a"), at(2.5, id="b"), at(2.7, id="c")], priced)
    for name in ("a", "b"):
        with store.write() as connection:
            connection.execute(schema.exchange.delete().where(schema.exchange.c.id == name))
    found = told(store)
    assert found.first == START + 2.7 * HOUR
    assert [row.hour - START // HOUR for row in found.rows] == [2]
    assert found.examples == {"vendor": "c"}
    assert hours(store, "never-asked", lambda *of: True) is None
