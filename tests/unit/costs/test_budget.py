"""Leases: what is reserved and settled never exceeds what was granted, and a period's end ends them."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from switchover.costs.budget import (
    RESERVED,
    SETTLED,
    UNKNOWN,
    Ask,
    Lease,
    Told,
    grant,
    mark_reached,
    reserve,
    settle,
    span,
)

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()


def lease(granted: int = 100, *, hard: bool = True) -> Lease:
    made = Lease("process:p", span("month", NOW), 1000, [0, 0, 0, 0], hard=hard, at_cap="refuse")
    made.hear(made.ask(), Told(granted=granted, settled=0, unknown=0, leased=granted), 0.0)
    return made


def test_periods_are_those_of_the_calendar_in_utc() -> None:
    day, month = span("day", NOW), span("month", NOW)
    assert (day.name, day.end - day.begin) == ("2026-11-25", 86_400)
    assert (month.name, datetime.fromtimestamp(month.end, UTC)) == ("2026-11", datetime(2026, 12, 1, tzinfo=UTC))
    december = span("month", month.end + 31 * 86_400 - 1)
    assert (december.name, datetime.fromtimestamp(december.end, UTC)) == ("2026-12", datetime(2027, 1, 1, tzinfo=UTC))


def test_what_does_not_fit_one_budget_is_reserved_in_none() -> None:
    wide, tight = lease(100), lease(10)
    assert reserve((wide, tight), 11) is tight
    assert (wide.reserved, wide.free, wide.counts[RESERVED]) == (0, 100, 0)
    assert reserve((wide, tight), 10) is None
    settle((wide, tight), 10, 4)
    assert [list(one.counts[:3]) for one in (wide, tight)] == [[4, 0, 0]] * 2
    assert (wide.free, tight.free) == (96, 6)


def test_a_soft_budget_is_reserved_beyond_what_is_held() -> None:
    soft = lease(10, hard=False)
    assert reserve((soft,), 50) is None
    settle((soft,), 50, 50, unknown=True)
    assert (soft.counts[SETTLED], soft.counts[UNKNOWN], soft.free) == (50, 50, -40)


calls = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 60), st.booleans()), max_size=30)


@given(calls)
def test_settled_and_reserved_never_exceed_what_was_granted(made: list[tuple[int, int, bool]]) -> None:
    held, open_calls = lease(100), list[tuple[int, int]]()
    for bound, cost, later in made:
        if reserve((held,), bound) is None:
            open_calls.append((bound, min(cost, bound)))
        if open_calls and not later:
            settle((held,), *open_calls.pop(0))
        assert held.counts[SETTLED] + held.counts[RESERVED] <= 100
        assert held.free == 100 - held.spent - held.reserved >= 0


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 2000), st.integers(0, 2000))
def test_no_grant_exceeds_what_is_left(settled: int, leased: int, need: int, want: int) -> None:
    ask = Ask(budget="b", period="p", limit=1000, settled=0, unknown=0, returned=0, need=need, want=max(need, want))
    more = grant(ask, settled, leased)
    assert 0 <= more <= max(1000 - settled - leased, 0)
    assert more >= min(need, max(1000 - settled - leased, 0))


def test_what_is_idle_goes_back_in_the_end_and_at_a_periods_end_at_once() -> None:
    held = lease(100)
    reserve((held,), 50)
    settle((held,), 50, 10)
    for _ in range(20):
        held.hear(held.ask(), Told(granted=100, settled=10, unknown=0, leased=0), 1.0)
    assert (held.free, held.returned) == (0, 90)
    ended = lease(100)
    reserve((ended,), 30)
    assert ended.ask(over=True).returned == 70
    kept = lease(100)
    assert kept.ask(cut_off=True).returned == 0


def test_the_highest_mark_that_was_reached_counts() -> None:
    assert [mark_reached(1000, spent) for spent in (499, 500, 949, 950, 1000)] == [None, 50, 80, 95, 100]
    assert mark_reached(0, 0) == 100
