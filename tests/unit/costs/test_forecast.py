"""When a budget ends: from what is settled and its recent rate, and nothing said on too little."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.costs.budget import span
from switchover.costs.forecast import RECENT_S, SLOT_S, Forecast, Seen, forecast, slot_of

DAY_S = 86_400.0
MONTH = span("month", datetime(2026, 11, 10, tzinfo=UTC).timestamp())
DAY = span("day", datetime(2026, 11, 10, tzinfo=UTC).timestamp())


def steady(a_day: int, days: float, begin: int = 0) -> list[Seen]:
    """What was settled at each look while so much was spent a day."""
    step = SLOT_S["month"]
    return [
        Seen(MONTH.begin + number * step, int(begin + a_day * number * step / DAY_S))
        for number in range(int(days * DAY_S / step))
    ]


def test_a_steady_spending_ends_when_it_has_spent_the_cap():
    now = MONTH.begin + 10 * DAY_S
    found = forecast(200, 100, "month", MONTH, now, steady(10, 10))
    assert found.ends_at is not None
    assert datetime.fromtimestamp(found.ends_at, UTC).date().isoformat() == "2026-11-21"
    assert found.total == pytest.approx(300, abs=2)
    assert forecast(400, 100, "month", MONTH, now, steady(10, 10)) == Forecast(total=found.total)


def test_the_last_days_count_and_not_what_was_before_them():
    # Little for a fortnight, then ten times as much: the mean of the month says that it lasts.
    slow = steady(1, 14)
    fast = [Seen(one.at + 14 * DAY_S, one.settled + 14) for one in steady(10, 7)]
    now = MONTH.begin + 21 * DAY_S
    found = forecast(150, 84, "month", MONTH, now, [*slow, *fast])
    assert found.total == pytest.approx(84 + 9 * 10, abs=3)
    assert found.ends_at == pytest.approx(now + 6.6 * DAY_S, abs=DAY_S / 4)
    # And the other way about: what was spent at first is not foretold again.
    quiet = [Seen(one.at + 14 * DAY_S, one.settled + 140) for one in steady(1, 7)]
    calm = forecast(200, 147, "month", MONTH, now, [*steady(10, 14), *quiet])
    assert (calm.ends_at, calm.total) == (None, pytest.approx(147 + 9, abs=3))


def test_a_weekend_is_in_what_is_foretold_as_it_is_in_what_comes():
    # 10 on each day of work (the month begins on a Sunday), nothing at weekends; on a Friday evening.
    seen, spent = [], 0
    for day in range(20):
        for part in range(4):
            seen.append(Seen(MONTH.begin + day * DAY_S + part * SLOT_S["month"], spent))
            spent += 10 if (day + 6) % 7 < 5 and part == 1 else 0
    now = MONTH.begin + 20 * DAY_S
    found = forecast(10_000, spent, "month", MONTH, now, seen)
    assert found.total == pytest.approx(spent + 10 * 50 / 7, abs=8)


@pytest.mark.parametrize(
    ("days", "seen"),
    [
        (1.0, steady(10, 1)),
        (10.0, []),
        # One call, however dear: that is no rate.
        (10.0, [Seen(MONTH.begin + day * DAY_S, 90 if day > 8 else 0) for day in range(10)]),
    ],
)
def test_what_is_too_early_to_say_is_not_said(days, seen):
    assert forecast(100, 90, "month", MONTH, MONTH.begin + days * DAY_S, seen) == Forecast()


def test_a_day_is_foretold_from_its_last_three_hours():
    def settled(at):
        return int(max(at - DAY.begin - 6 * 3600, 0) / 36)

    at_nine = DAY.begin + 9 * 3600.0
    seen = [Seen(DAY.begin + n * 900.0, settled(DAY.begin + n * 900.0)) for n in range(36)]
    found = forecast(500, settled(at_nine), "day", DAY, at_nine, seen)
    assert found.ends_at == pytest.approx(at_nine + 2 * 3600, abs=120)
    early = forecast(500, 50, "day", DAY, DAY.begin + 1800, [Seen(DAY.begin + n * 300, n * 10) for n in range(6)])
    assert early == Forecast()


def test_a_gateway_that_was_installed_midway_is_measured_from_then_on():
    begun = MONTH.begin + 15 * DAY_S
    seen = [Seen(begun + n * SLOT_S["month"], n * 10) for n in range(12)]
    found = forecast(1000, 120, "month", MONTH, begun + 3 * DAY_S, seen)
    assert found.total == pytest.approx(120 + 12 * 40, abs=2)


def test_what_an_invoice_corrected_is_no_negative_spending():
    now = MONTH.begin + 10 * DAY_S
    seen = [one if one.at < MONTH.begin + 8 * DAY_S else Seen(one.at, one.settled - 40) for one in steady(10, 10)]
    found = forecast(10_000, 60, "month", MONTH, now, seen)
    assert found.total == pytest.approx(60 + 20 * 10, abs=12)


@given(
    st.lists(st.integers(0, 1000), min_size=0, max_size=60),
    st.integers(1, 50_000),
    st.integers(1, 50_000),
    st.floats(0.0, 0.999),
)
def test_a_higher_cap_never_ends_sooner_and_no_end_lies_outside_the_period(steps, cap, more, share):
    now = MONTH.begin + share * (MONTH.end - MONTH.begin)
    seen, spent = [], 0
    for number, step in enumerate(steps):
        seen.append(Seen(MONTH.begin + number * SLOT_S["month"], spent))
        spent += step
    seen = [one for one in seen if one.at < now]
    low, high = (forecast(limit, spent, "month", MONTH, now, seen) for limit in (cap, cap + more))
    for one in (low, high):
        assert one.ends_at is None or now <= one.ends_at < MONTH.end
        assert one.total is None or one.total >= spent
    if high.ends_at is not None:
        assert low.ends_at is not None
        assert low.ends_at <= high.ends_at


def test_parts_of_a_period_are_numbered_from_its_beginning():
    assert [slot_of(DAY, "day", DAY.begin + at) for at in (0, 899, 900, 86_399)] == [0, 0, 1, 95]
    assert RECENT_S["day"] / SLOT_S["day"] == 12
