"""When a round is due: once a day, somewhere in the window, once for whatever was missed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from switchover.domain.process import Watch
from switchover.watch.schedule import DAY_S, SETTLE_S, due_steps, in_window, last_moment, moment_of, next_moment

DAY = 20_600
NOW = DAY * DAY_S
NIGHT = Watch(begins=22 * 3600.0, lasts=6 * 3600.0)
watches = st.builds(
    Watch, begins=st.integers(0, 1439).map(lambda m: m * 60.0), lasts=st.integers(1, 1440).map(lambda m: m * 60.0)
)


@given(watches, st.integers(DAY, DAY + 4000), st.text(max_size=8))
def test_each_day_has_one_moment_within_its_window(watch, day, seed):
    at = moment_of(day, watch, seed)
    assert in_window(at, watch)
    assert 0 <= at - day * DAY_S - watch.begins <= watch.lasts / 2


@given(watches, st.floats(NOW, NOW + 400 * DAY_S), st.text(max_size=8))
def test_the_last_moment_and_the_next_are_neighbours(watch, now, seed):
    last, following = last_moment(now, watch, seed), next_moment(now, watch, seed)
    assert last <= now < following
    assert following - last < 2 * DAY_S


def test_two_stores_ask_at_different_moments_of_a_day_and_one_store_on_different_ones_of_two_days():
    watch = Watch()
    moments = {moment_of(day, watch, seed) % DAY_S for day in range(DAY, DAY + 10) for seed in "abcdefghij"}
    assert len(moments) == 100
    assert moment_of(DAY, watch, "a") == moment_of(DAY, watch, "a")


def test_a_step_that_ran_is_due_again_after_the_next_moment_and_what_was_missed_is_due_once():
    watch, seed = Watch(), "s"
    at = moment_of(DAY, watch, seed)
    assert due_steps(["probe"], {"probe": at + 1}, {}, at + 60, watch, seed) == []
    assert due_steps(["probe"], {"probe": at - 1}, {}, at + 60, watch, seed) == ["probe"]
    later = at + 9.5 * DAY_S
    assert due_steps(["probe"], {"probe": at + 1}, {}, later, watch, seed) == ["probe"]
    assert due_steps(["probe"], {"probe": later}, {}, later + 60, watch, seed) == []


def test_what_never_ran_waits_for_the_first_moment_after_it_was_wanted_for_an_hour():
    watch, seed = Watch(), "s"
    at = moment_of(DAY, watch, seed)
    assert due_steps(["probe"], {"probe": None}, {"probe": at - 60}, at + 60, watch, seed) == []
    assert due_steps(["probe"], {"probe": None}, {"probe": at - SETTLE_S - 60}, at + 60, watch, seed) == ["probe"]
    assert due_steps(["probe"], {}, {}, at + 60, watch, seed) == []


def test_a_window_may_go_over_midnight():
    assert [in_window(NOW + hour * 3600, NIGHT) for hour in (21, 22, 23, 0, 3, 4, 12)] == [
        False, True, True, True, True, False, False,
    ]  # fmt: skip
