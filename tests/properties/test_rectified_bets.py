"""Laws of bets over a wider range, and of a judge set right by people."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchover.stats import bets
from switchover.stats.noninferiority import DAY, Ledger, Terms, weigh
from switchover.stats.rectify import reach as reach_of
from switchover.stats.rectify import rectified

law = settings(deadline=None, max_examples=30, derandomize=True)
NOW = 20_000 * DAY + 3_600.0
shares = st.sampled_from([0.1, 0.25, 0.3, 0.5, 0.7, 1.0])
units = st.lists(st.floats(-1, 1), min_size=1, max_size=80)
margins = st.floats(0.01, 0.4)


def ledger_of(found, reach, at=NOW):
    return Ledger.of(((at, float(d)) for d in found), reach)


def wide(found, share):
    """Values over the whole range that a share of labels gives."""
    return [d * reach_of(share) for d in found]


@law
@given(units, margins)
def test_at_reach_one_everything_is_as_without_it(found, margin):
    plain, reached = Ledger.of((NOW, d) for d in found), ledger_of(found, 1.0)
    assert weigh(plain, NOW, Terms(margin=margin)) == weigh(reached, NOW, Terms(margin=margin))
    counts = np.bincount(bets.bin_down(found), minlength=bets.BINS).astype(float)
    assert bets.log_e(counts, -margin) == pytest.approx(bets.log_evidence(counts, -margin))


@law
@given(shares, st.floats(-0.99, 0.99))
def test_no_bet_can_lose_all_it_holds(share, part):
    reach = reach_of(share)
    values, m = bets.values_of(reach), part * reach
    assert values[0] <= -reach
    growths = bets.log_growths(m, values, reach)
    assert np.isfinite(growths).all()
    assert (np.exp(growths) >= 1 - bets.FRACTIONS.max() - 1e-9).all()


@law
@given(units, shares)
def test_rounding_only_ever_costs_evidence(found, share):
    reach = reach_of(share)
    values, spread = bets.values_of(reach), np.array(wide(found, share))
    assert (values[bets.bin_down(spread, reach)] <= spread + 1e-9).all()
    assert (values[bets.bin_up(spread, reach)] >= spread - 1e-9).all()


@law
@given(units, shares, margins)
def test_a_wider_margin_keeps_every_pass(found, share, margin):
    ledger = ledger_of(wide(found, share), reach_of(share))
    narrow, broad = weigh(ledger, NOW, Terms(margin=margin)), weigh(ledger, NOW, Terms(margin=2 * margin))
    assert narrow.passes <= broad.passes
    assert narrow.log_e_ready <= broad.log_e_ready + 1e-9


@law
@given(units, shares, margins, st.integers(0, 200))
def test_ageing_only_takes_from_the_evidence(found, share, margin, days):
    ledger, terms = ledger_of(wide(found, share), reach_of(share)), Terms(margin=margin)
    fresh, aged = weigh(ledger, NOW, terms), weigh(ledger, NOW + days * DAY, terms)
    assert aged.log_e_ready <= max(fresh.log_e_ready, 0.0) + 1e-9
    assert aged.passes <= fresh.passes


@law
@given(units, shares, st.sampled_from([0.05, 0.2]))
def test_the_bound_is_where_the_test_turns(found, share, chance):
    reach = reach_of(share)
    counts, _ = ledger_of(wide(found, share), reach).weights(NOW, 30.0)
    lower, wanted = bets.lower_bound(counts, chance, reach), -math.log(chance)
    if lower == -reach:
        assert bets.log_e(counts, -reach + 1e-6, reach) < wanted + 0.01
        return
    assert bets.log_e(counts, lower, reach) >= wanted - 1e-9
    if lower < reach - 1e-3:
        assert bets.log_e(counts, lower + 1e-4 * reach, reach) < wanted


@law
@given(units, shares)
def test_the_bounds_enclose_the_mean_of_what_was_seen(found, share):
    weighed = weigh(ledger_of(wide(found, share), reach_of(share)), NOW, Terms())
    # Few rectified values may have a mean that no differences have; the bounds are of what these can be.
    seen = min(max(weighed.mean, -1.0), 1.0)
    assert -1.0 <= weighed.lower <= seen + 0.01
    assert 1.0 >= weighed.upper >= seen - 0.01
    assert not (weighed.passes and weighed.fails)


@law
@given(units, shares, st.randoms(use_true_random=False))
def test_the_order_of_cases_changes_nothing(found, share, chance):
    spread, reach = wide(found, share), reach_of(share)
    shuffled = list(spread)
    chance.shuffle(shuffled)
    one_by_one = Ledger.empty(reach)
    for d in shuffled:
        one_by_one = one_by_one.add(NOW, d)
    first, second = weigh(ledger_of(spread, reach), NOW, Terms()), weigh(one_by_one, NOW, Terms())
    assert first.log_e_ready == pytest.approx(second.log_e_ready)
    assert first.lower == pytest.approx(second.lower, abs=1e-4 * reach)


@law
@given(shares, margins)
def test_the_bets_are_fair_at_the_margin(share, margin):
    """At mean(r) = -margin a further case leaves the expected evidence where it was: what Ville's inequality needs."""
    reach = float(bets.values_of(reach_of(share))[-1])
    table = np.exp(bets.log_growths(-margin, np.array([-reach, reach]), reach))
    chance = (reach - margin) / (2 * reach)
    assert (1 - chance) * table[0] + chance * table[1] == pytest.approx(np.ones(len(bets.FRACTIONS)))


@law
@given(st.floats(-1, 1), st.floats(-1, 1), shares)
def test_what_people_saw_sets_the_judge_right_in_the_mean_and_stays_in_reach(judged, seen, share):
    looked, unlooked = rectified(judged, seen, share), rectified(judged, None, share)
    assert share * looked + (1 - share) * unlooked == pytest.approx(seen, abs=1e-9)
    assert max(abs(looked), abs(unlooked)) <= reach_of(share) + 1e-9


@law
@given(st.floats(-1, 1), shares)
def test_a_judge_that_people_agree_with_is_left_as_it_is(judged, share):
    assert rectified(judged, judged, share) == judged


@law
@given(st.floats(-1, 1), st.floats(-1, 1))
def test_where_people_look_at_everything_the_judge_says_nothing(judged, seen):
    assert reach_of(1.0) == 1.0
    assert rectified(judged, seen, 1.0) == pytest.approx(seen)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01, math.nan])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="people look at a share"):
        reach_of(share)


@pytest.mark.parametrize(
    ("margin", "alpha"), [(m, a) for m in (0.01, 0.02, 0.05, 0.10, 0.2) for a in (0.01, 0.05, 0.1)]
)
def test_no_bet_can_win_before_the_fewest_replays_and_one_of_all_it_has_does(margin, alpha):
    """λ = 1/(1-δ), the boldest bet there is, on flawless cases: fewest_replays is where it reaches 1/α, not before."""
    fewest = bets.fewest_replays(margin, alpha)
    boldest = -math.log(1 - margin)
    assert fewest * boldest >= -math.log(alpha) - 1e-9
    assert (fewest - 1) * boldest < -math.log(alpha)
    weighed = weigh(ledger_of([0.0] * (fewest - 1), 1.0), NOW, Terms(margin=margin, alpha=alpha))
    assert not weighed.passes
