import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.capacity.size import Load, carried, load_of, share_carried


def test_slots_multiply_the_rate():
    assert carried(2.0, 1) == 30
    assert carried(2.0, 4) == 120


def test_without_a_measurement_nothing_is_claimed():
    assert carried(None, 4) is None
    assert carried(0.0, 4) is None
    assert share_carried(None, 10) is None
    assert share_carried(30.0, 0) is None


def test_the_peak_is_the_busiest_minute_of_the_clock():
    assert load_of([0, 59, 60, 61, 62]) == Load(requests=5, minutes=2, peak_minute=3, p95_minute=3)
    assert load_of([]) == Load(requests=0, minutes=0, peak_minute=0, p95_minute=0)


def test_quiet_minutes_count_in_the_percentile():
    burst = [0.0] * 50 + [60.0 * 99]
    assert load_of(burst) == Load(requests=51, minutes=100, peak_minute=50, p95_minute=0)


@pytest.mark.parametrize(("rate", "share"), [(30.0, 0.5), (60.0, 1.0), (600.0, 1.0)])
def test_more_than_all_of_the_load_is_all_of_it(rate, share):
    assert share_carried(rate, 60) == share


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=200))
def test_the_p95_minute_never_exceeds_the_peak_and_the_mean_never_the_peak(moments):
    load = load_of(moments)
    assert 0 <= load.p95_minute <= load.peak_minute <= load.requests == len(moments)
    assert load.requests <= load.peak_minute * load.minutes
