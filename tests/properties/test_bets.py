"""Laws of the bets and of the ledger that keeps them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchover.stats import bets
from switchover.stats.noninferiority import DAY, Ledger, Terms, weigh

law = settings(deadline=None, max_examples=60, derandomize=True)
differences = st.lists(st.floats(-1, 1), min_size=1, max_size=120)
margins = st.floats(0.01, 0.4)
NOW = 20_000 * DAY + 3_600.0


def ledger_of(found, at=NOW):
    return Ledger.of((at, d) for d in found)


def counts_of(found):
    return np.bincount(bets.bin_down(found), minlength=bets.BINS).astype(float)


@law
@given(differences, margins)
def test_a_wider_margin_keeps_every_pass(found, margin):
    ledger = ledger_of(found)
    narrow, wide = weigh(ledger, NOW, Terms(margin=margin)), weigh(ledger, NOW, Terms(margin=2 * margin))
    assert narrow.passes <= wide.passes
    assert narrow.log_e_ready <= wide.log_e_ready + 1e-9


@law
@given(differences, st.randoms(use_true_random=False))
def test_the_order_of_cases_changes_nothing(found, chance):
    shuffled = list(found)
    chance.shuffle(shuffled)
    one_by_one = Ledger()
    for d in shuffled:
        one_by_one = one_by_one.add(NOW, d)
    first, second = weigh(ledger_of(found), NOW, Terms()), weigh(one_by_one, NOW, Terms())
    assert first.log_e_ready == pytest.approx(second.log_e_ready)
    assert first.lower == pytest.approx(second.lower, abs=1e-5)
    assert first.mean == pytest.approx(second.mean)


@law
@given(st.floats(-1, 1))
def test_rounding_only_ever_costs_evidence(d):
    assert bets.VALUES[bets.bin_down(d)] <= d + 1e-9
    assert bets.VALUES[bets.bin_up(d)] >= d - 1e-9
    assert bets.bin_up(d) - bets.bin_down(d) <= 1


@law
@given(st.integers(-100, 100), st.integers(0, 100))
def test_a_difference_of_hundredths_keeps_its_value_whatever_its_float_noise(hundredths, score):
    d = (hundredths + score) / 100 - score / 100
    assert bets.bin_down(d) == bets.bin_up(d) == hundredths + 100


@law
@given(differences, margins)
def test_the_mirrored_test_is_the_test_on_mirrored_differences(found, margin):
    terms = Terms(margin=margin)
    seen, mirrored = ledger_of(found), ledger_of([-d for d in found])
    _, up = seen.weights(NOW, terms.half_life)
    down, _ = mirrored.weights(NOW, terms.half_life)
    assert np.array_equal(up, down)
    same = Terms(margin=margin, alpha=0.1, beta=0.1)
    assert weigh(seen, NOW, same).upper == pytest.approx(-weigh(mirrored, NOW, same).lower, abs=1e-5)


@law
@given(differences, margins, st.integers(0, 200))
def test_ageing_never_raises_the_evidence_above_none(found, margin, days):
    ledger, terms = ledger_of(found), Terms(margin=margin)
    fresh, aged = weigh(ledger, NOW, terms), weigh(ledger, NOW + days * DAY, terms)
    assert aged.log_e_ready <= max(fresh.log_e_ready, 0.0) + 1e-9
    assert aged.passes <= fresh.passes


@law
@given(st.integers(80, 400), st.floats(5, 90))
def test_the_evidence_holds_until_the_moment_it_names_and_not_after(n, half_life):
    ledger, terms = ledger_of([0.0] * n), Terms(half_life=half_life)
    until = weigh(ledger, NOW, terms).good_until
    assert until is not None
    assert weigh(ledger, until - 1.0, terms).passes
    assert not weigh(ledger, until + 1.0, terms).passes


@law
@given(differences)
def test_the_bounds_are_where_the_tests_turn(found):
    counts = counts_of(found)
    lower = bets.lower_bound(counts, 0.05)
    if lower == -1.0:
        assert bets.log_evidence(counts, -1 + 1e-6) < math.log(20) + 1e-9
    else:
        assert bets.log_evidence(counts, lower) >= math.log(20) - 1e-9
        if lower < 0.99:
            assert bets.log_evidence(counts, lower + 1e-4) < math.log(20)


@law
@given(differences)
def test_the_lower_bound_lies_below_the_upper_and_the_states_exclude_each_other(found):
    weighed = weigh(ledger_of(found), NOW, Terms())
    assert weighed.lower <= weighed.upper
    assert not (weighed.passes and weighed.fails)
    assert weighed.passes == (weighed.lower >= -weighed.margin - 1e-5) or abs(weighed.lower + weighed.margin) < 1e-4


@law
@given(differences, st.floats(0, 1), margins)
def test_a_better_case_in_the_place_of_another_never_costs_evidence(found, gain, margin):
    better = [*found[1:], min(found[0] + gain, 1.0)]
    terms = Terms(margin=margin)
    assert weigh(ledger_of(better), NOW, terms).log_e_ready >= weigh(ledger_of(found), NOW, terms).log_e_ready - 1e-9


@law
@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), max_size=6), margins)
def test_the_bets_are_fair_at_the_margin(prefix, margin):
    """At mean(d) = -margin a further case leaves the expected evidence where it was: what Ville's inequality needs."""
    now = math.exp(bets.log_evidence(counts_of(prefix), -margin)) if prefix else 1.0
    lost = math.exp(bets.log_evidence(counts_of([*prefix, -1.0]), -margin))
    kept = math.exp(bets.log_evidence(counts_of([*prefix, 0.0]), -margin))
    assert margin * lost + (1 - margin) * kept == pytest.approx(now)


def test_the_least_a_flawless_candidate_can_take_is_the_published_one():
    assert [bets.fewest_replays(margin, 0.05) for margin in (0.02, 0.05, 0.10)] == [149, 59, 29]


@pytest.mark.parametrize(("margin", "chance"), [(0.05, 0.05), (0.10, 0.05), (0.02, 0.01)])
def test_flawless_replays_are_where_a_flawless_ledger_passes(margin, chance):
    count, terms = bets.flawless_replays(margin, chance), Terms(margin=margin, alpha=chance)
    assert weigh(ledger_of([0.0] * count), NOW, terms).passes
    assert not weigh(ledger_of([0.0] * (count - 1)), NOW, terms).passes


@law
@given(differences, margins)
def test_replays_still_needed_are_none_left_once_it_passes_and_unknown_while_they_gain_nothing(found, margin):
    weighed = weigh(ledger_of(found), NOW, Terms(margin=margin))
    gain = bets.growth(counts_of(found), -margin)
    assert (weighed.still_needed == 0) == weighed.passes
    assert (weighed.still_needed is None) == (not weighed.passes and gain <= 0)
    if weighed.still_needed:
        assert weighed.still_needed * gain >= -math.log(0.05) - weighed.log_e_ready - 1e-9


@law
@given(differences, st.floats(0.02, 0.5))
def test_the_bound_is_the_tightest_margin_that_passes(found, chance):
    """What is shown of the bound and what the state says are one and the same test."""
    lower = weigh(ledger_of(found), NOW, Terms(alpha=chance)).lower
    if -0.99 < lower < 0.0:
        assert weigh(ledger_of(found), NOW, Terms(margin=-lower + 1e-6, alpha=chance)).passes
        assert not weigh(ledger_of(found), NOW, Terms(margin=max(-lower - 1e-4, 0.0), alpha=chance)).passes


def test_no_case_is_no_evidence():
    weighed = weigh(Ledger(), NOW, Terms())
    assert (weighed.replays, weighed.mean, weighed.lower, weighed.upper) == (0, None, -1.0, 1.0)
    assert weighed.log_e_ready == pytest.approx(0.0)
    assert not weighed.passes
    assert not weighed.fails
    assert weighed.still_needed is None


@pytest.mark.parametrize("d", [1.01, -1.01, math.nan, math.inf])
def test_what_is_no_difference_of_scores_is_refused(d):
    with pytest.raises(ValueError, match="outside"):
        Ledger().add(NOW, d)


def test_evidence_of_a_half_life_ago_counts_half():
    old = ledger_of([0.0] * 200, NOW - 30 * DAY)
    half = ledger_of([0.0] * 100)
    assert weigh(old, NOW, Terms()).log_e_ready == pytest.approx(weigh(half, NOW, Terms()).log_e_ready)


def test_a_judgement_does_not_depend_on_the_hour():
    ledger, midnight = ledger_of([0.0] * 100), math.floor(NOW / DAY) * DAY
    assert weigh(ledger, midnight, Terms()) == weigh(ledger, midnight + DAY - 1, Terms())
