"""Laws of the detector of a fallen mean."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verdicts.over_time import alarms

from switchover.stats import bets
from switchover.stats.drift import AGREEMENT, Detector, agreement_detector, drift_detector

law = settings(deadline=None, max_examples=30, derandomize=True)
values = st.lists(st.floats(-1, 1), min_size=1, max_size=40)
levels = st.floats(-0.5, 0.5)
FRACTIONS = [Fraction(f) for f in bets.FRACTIONS]
WEIGHTS = [Fraction(math.exp(w)) for w in bets.LOG_WEIGHTS]


def by_hand(found, level, most=1):
    """The detector as it is defined: the sum over every moment of the bets begun there, in fractions."""
    total = Fraction(0)
    for f, weight in zip(FRACTIONS, WEIGHTS, strict=True):
        gains = [1 + f * ((Fraction(most) - Fraction(v)) / (Fraction(most) - Fraction(level)) - 1) for v in found]
        total += weight * sum(math.prod(gains[begun:]) for begun in range(len(gains)))
    return total


@law
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=12), levels)
def test_it_is_the_sum_of_the_bets_begun_at_every_moment(found, level):
    detector = Detector(level=level).add_all(found)
    assert detector.log_evidence == pytest.approx(math.log(by_hand(found, level)), abs=1e-6)
    assert detector.seen == len(found)


@law
@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), max_size=8), st.floats(-0.4, 0.4))
def test_a_further_value_adds_one_in_expectation_while_nothing_has_changed(prefix, level):
    """What bounds the mean run from below: Mₙ - n is fair at the level."""
    detector = Detector(level=level).add_all(prefix)
    evidence = math.exp(detector.log_evidence) if prefix else 0.0
    low, high = (math.exp(detector.add(v).log_evidence) for v in (-1.0, 1.0))
    chance = (1 + level) / 2
    assert (1 - chance) * low + chance * high == pytest.approx(evidence + 1)


@law
@given(st.lists(st.floats(0, 1), min_size=1, max_size=80))
def test_values_that_never_fall_short_alarm_nobody_before_as_many_as_the_threshold(found):
    detector = Detector(threshold=float(len(found) + 1)).add_all(found)
    assert math.exp(detector.log_evidence) <= len(found) + 1e-6
    assert not detector.alarmed


@law
@given(values, st.integers(0, 39), st.floats(0, 1))
def test_a_lower_value_never_puts_an_alarm_off(found, place, loss):
    worse = [max(v - loss, -1.0) if at == place else v for at, v in enumerate(found)]
    first, second = (Detector(threshold=5.0).add_all(one) for one in (found, worse))
    assert second.log_evidence >= first.log_evidence - 1e-9
    if first.alarmed_at is not None:
        assert second.alarmed_at is not None
        assert second.alarmed_at <= first.alarmed_at


@law
@given(values, values)
def test_it_goes_on_from_its_state_as_if_nothing_had_been_between(before, after):
    detector = Detector(level=-0.02, threshold=3.0).add_all(before)
    again = Detector.of(json.loads(json.dumps(detector.state())))
    assert again == detector
    assert again.add_all(after) == detector.add_all(after)


@law
@given(values)
def test_an_alarm_stays(found):
    detector = Detector(threshold=1.0).add_all([-1.0, -1.0])
    assert detector.alarmed_at == 1
    assert detector.add_all(found).alarmed_at == 1


def test_a_long_run_of_good_values_neither_overflows_nor_makes_it_deaf():
    detector = drift_detector().add_all([0.0] * 3_000 + [1.0] * 3_000)
    assert all(math.isfinite(log) for log in detector.logs)
    assert Detector(threshold=1e9).add_all([0.5] * 5_000).add_all([-1.0] * 60).alarmed


def differences(rng, worse, better):
    return lambda count: rng.choice([-1.0, 0.0, 1.0], size=count, p=[worse, 1 - worse - better, better])


@pytest.mark.parametrize("level", [0.0, -0.05])
def test_without_a_change_the_mean_run_is_as_long_as_the_threshold(level):
    rng = np.random.default_rng(3)
    draw = differences(rng, 0.05 - level, 0.05)
    assert alarms(draw, Detector(level=level, threshold=150.0), 400, 1_500).mean() >= 150.0


def test_the_runs_of_the_simulation_are_the_detectors_own():
    rng = np.random.default_rng(3)
    drawn = [float(v) for v in rng.choice([-1.0, 0.0], size=300, p=[0.2, 0.8])]
    at = iter(drawn)
    simulated = alarms(lambda _: np.array([next(at)]), drift_detector(), 1, 300)[0]
    assert simulated == drift_detector().add_all(drawn).alarmed_at


def test_it_watches_for_what_was_proven_and_for_nothing_above_it():
    assert [drift_detector(mean).level for mean in (None, 0.03, -0.02)] == [0.0, 0.0, -0.02]
    assert agreement_detector().level == AGREEMENT


@pytest.mark.parametrize("value", [1.01, math.nan, math.inf, -math.inf])
def test_what_can_be_no_value_is_refused(value):
    with pytest.raises(ValueError, match="above 1, or is no number"):
        Detector().add(value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"level": 1.0}, "can't fall"), ({"threshold": 0.5}, "1 or more"), ({"logs": (0.0,)}, "6 bets, not 1")],
)
def test_a_detector_that_could_not_work_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        Detector(**changes)
