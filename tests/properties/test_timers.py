"""The laws of learned timers: clamps, order, the error stated, bounded memory, ageing."""

from __future__ import annotations

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.planning.timers import BANDS, FIRST, HIGHEST, IDLE, LOWEST, READ_EVERY, STEP, Durations, Law, Timer

anything = st.floats(0.0, 1e6)
within = st.lists(st.floats(LOWEST, HIGHEST), min_size=1, max_size=400)
laws = st.sampled_from([FIRST, IDLE])


def seen(durations, full=math.inf):
    kept = Durations(full)
    for seconds in durations:
        kept.add(seconds)
    return kept


def exact(durations, one_in):
    """The quantile by nearest rank, in whole numbers."""
    return sorted(durations)[len(durations) - len(durations) // one_in - 1]


@given(within, st.sampled_from([2, 10, 100, 1000]))
def test_a_quantile_is_never_below_the_exact_one_and_at_most_a_tenth_above(durations, one_in):
    true = exact(durations, one_in)
    assert true * (1 - 1e-9) <= seen(durations).exceeded_by(one_in) <= true * STEP * (1 + 1e-9)


@given(st.lists(anything, min_size=1, max_size=100), st.data())
def test_a_longer_duration_never_shortens_a_quantile(durations, data):
    place = data.draw(st.integers(0, len(durations) - 1))
    longer = list(durations)
    longer[place] = data.draw(st.floats(durations[place], 1e7))
    for one_in in (2, 100):
        assert seen(longer).exceeded_by(one_in) >= seen(durations).exceeded_by(one_in)


@given(laws, anything, anything)
def test_a_timer_stays_within_its_clamps_and_in_order(law, one, other):
    low, high = sorted((one, other))
    assert law.least <= law.seconds(low) <= law.seconds(high) <= law.most


@given(laws, st.lists(anything, min_size=1, max_size=50))
def test_a_learned_timer_is_within_its_clamps(law, durations):
    timer = Timer(law)
    for count in range(law.fewest):
        timer.saw(durations[count % len(durations)])
    assert timer.seconds is not None
    assert law.least <= timer.seconds <= law.most


@pytest.mark.parametrize("law", [FIRST, IDLE])
def test_nothing_is_learned_from_too_few(law):
    timer = Timer(law)
    for _ in range(law.fewest - 1):
        timer.saw(1.0)
    assert timer.seconds is None
    timer.saw(1.0)
    assert timer.seconds is not None


@pytest.mark.parametrize("law", [FIRST, IDLE])
def test_the_fewest_show_the_tail_with_95_percent(law):
    assert 1 - (1 - 1 / law.one_in) ** law.fewest > 0.95
    assert 1 - (1 - 1 / law.one_in) ** (law.fewest * 0.99) < 0.952


def test_two_in_a_hundred_slow_ones_set_the_timer_and_one_in_a_thousand_does_not():
    slow, rare = Timer(FIRST), Timer(FIRST)
    for count in range(1000):
        slow.saw(10.0 if count % 50 == 0 else 0.5)
        rare.saw(10.0 if count == 500 else 0.5)
    assert slow.seconds == pytest.approx(20.0, rel=0.1)
    assert rare.seconds == FIRST.least


def test_memory_is_the_same_after_many():
    few, many = seen([1.0]), seen((1.01**count for count in range(5000)), full=1200.0)
    assert len(few._weights) == len(many._weights)
    assert sys.getsizeof(many._weights) < 1024
    assert many.total < 1200.0


def test_what_was_slow_once_is_forgotten():
    timer = Timer(Law(one_in=100, times=2.0, least=5.0, most=60.0, fewest=300))
    for _ in range(300):
        timer.saw(20.0)
    assert timer.seconds == pytest.approx(40.0, rel=0.1)
    needed = 0
    while timer.seconds != FIRST.least:
        timer.saw(0.2)
        needed += 1
        assert needed < 10_000
    # Seven halvings bring the old ones from all to less than one in a hundred, each after 600 new ones.
    assert needed < 7 * 600 + READ_EVERY


def test_a_timer_that_cuts_answers_short_still_grows():
    timer = Timer(FIRST)
    for _ in range(FIRST.fewest):
        timer.saw(1.0)
    assert timer.seconds == FIRST.least
    for _ in range(FIRST.fewest):
        timer.saw(min(20.0, timer.seconds))
    assert timer.seconds > 20.0


def test_the_bands_rise():
    assert list(BANDS) == sorted(set(BANDS))
