"""A month of a process from its hours, reckoned by hand."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from switchover.costs.usage import HOURS_PER_MONTH, usage_of

MONDAY = 24 * 4 + 168 * 2900  # an hour that begins a Monday: 1970 began on a Thursday


@dataclass(frozen=True)
class Row:
    hour: int
    exchanges: int = 10
    metered: int = 10
    input: int = 3000
    cached_input: int = 1000
    output: int = 1000


def model(rows, hours=None):
    """The model of these hours, recorded from the first hour's beginning to the last one's end, or for ``hours``."""
    first = rows[0].hour * 3600.0
    return usage_of("claims", rows, first, first + (hours or rows[-1].hour - rows[0].hour + 1) * 3600.0)


def weeks(number, growth=0.0, busy=range(8, 18)):
    """Working weeks: ten exchanges in each busy hour from Monday to Friday, more by ``growth`` each week."""
    return [
        Row(MONDAY + week * 168 + day * 24 + hour, input=round(3000 * (1 + growth) ** week), cached_input=0)
        for week in range(number)
        for day in range(5)
        for hour in busy
    ]


def test_whole_weeks_become_a_month_with_nights_and_weekends_in_it():
    found = model(weeks(2), hours=336)
    # 50 busy hours of 168, each with 10 calls and 3,000 + 1,000 tokens.
    month = 50 / 168 * HOURS_PER_MONTH
    assert found.calls == pytest.approx(10 * month)
    assert (found.input, found.output) == (pytest.approx(3000 * month), pytest.approx(1000 * month))
    assert found.gaps == ()
    assert found.confidence.startswith("fair")
    # Ten of 24 hours on five of seven days: the load of a busy hour over the mean one.
    assert max(found.week) == pytest.approx(168 / 50)
    assert found.week[0] == 0


def test_the_p95_hour_is_held_against_the_mean_hour():
    found = model(weeks(2), hours=336)
    # From the first busy hour of the first Monday to the last of the second Friday: 274 hours, 100 of them busy.
    assert found.peak_ratio == pytest.approx(274 / 100)


def test_a_short_record_is_a_rate_and_says_that_it_knows_no_week():
    found = model([Row(MONDAY + 8), Row(MONDAY + 9)], hours=2)
    assert found.calls == pytest.approx(10 * HOURS_PER_MONTH)
    assert found.cached == pytest.approx(1000 * HOURS_PER_MONTH)
    assert (found.peak_ratio, found.growth, found.error, found.week) == (None, None, None, ())
    assert found.confidence == "very low: less than a day"
    assert found.gaps == ("only 2.0 hours recorded: no whole week, so nights and weekends are not known",)


def test_a_gap_in_the_record_is_named_and_is_no_time_without_use():
    rows = [one for one in weeks(4) if one.hour not in range(MONDAY + 168, MONDAY + 336)]
    found, whole = model(rows, hours=672), model(weeks(4), hours=672)
    assert found.calls == pytest.approx(whole.calls)
    # From Friday 18:00 to the Monday after the next, 08:00.
    assert found.gaps == ("nothing recorded for 10 days: a gap, not a time without use",)


def test_a_weekend_is_no_gap():
    assert model(weeks(3), hours=504).gaps == ()


def test_exchanges_that_tell_no_usage_count_like_the_others():
    some = [Row(MONDAY, metered=5, input=1500, cached_input=500, output=500), Row(MONDAY + 1)]
    found = model(some, hours=2)
    # 15 of 20 tell 1,500 tokens: 100 a call, for all 20.
    assert found.calls == pytest.approx(10 * HOURS_PER_MONTH)
    assert found.output == pytest.approx(1000 * HOURS_PER_MONTH)
    assert "5 of 20 exchanges tell no usage: taken to use what the others do" in found.gaps


def test_a_record_without_any_usage_is_no_model():
    with pytest.raises(ValueError, match="no exchange tells what it used"):
        model([Row(MONDAY, metered=0, input=0, cached_input=0, output=0)])


def test_eight_weeks_tell_growth_with_its_range():
    found = model(weeks(10, growth=0.02), hours=1680)
    low, value, high = found.growth
    # Input grows by 2 % a week and is three quarters at first; a month has 4.35 weeks.
    assert low <= value <= high
    assert value == pytest.approx(1.0155 ** (HOURS_PER_MONTH / 168) - 1, abs=0.003)
    assert found.confidence.startswith("good")


def test_fewer_weeks_leave_growth_to_an_assumption():
    found = model(weeks(7, growth=0.02), hours=1176)
    assert found.growth is None
    assert found.error is not None
