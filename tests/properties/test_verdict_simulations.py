"""The verdict's simulations, reduced to 400 runs; `make verdicts` runs 4,000."""

from __future__ import annotations

import math

import numpy as np
import pytest
import ville
from verdicts import candidates, figures, judged, others, over_time, rule

from switchover.stats.drift import agreement_detector, drift_detector
from switchover.stats.noninferiority import DAY, Ledger, Terms, weigh
from switchover.stats.rectify import reach

RUNS, SEED = 400, 7


def missed(lines):
    return [str(line) for line in lines if not line.holds]


@pytest.mark.parametrize("name", list(figures.NULLS))
def test_a_candidate_as_bad_as_the_margin_forbids_is_rarely_ready(name):
    assert missed(figures.null(name, RUNS, SEED)) == []


@pytest.mark.parametrize("name", list(judged.JUDGES))
def test_a_judge_that_favours_the_candidate_is_set_right_by_labels_of_half_the_cases(name):
    assert figures.judge_alone(name, 50, SEED)[0].measured > 0.9
    assert missed(figures.biased_judge(name, RUNS, SEED)) == []


@pytest.mark.parametrize(("margin", "fewest", "most"), [(0.05, 80, 105), (0.10, 28, 36)])
@pytest.mark.parametrize("name", ["overlooks 9 failures in 10", "+.3"])
def test_labels_needed_are_as_few_as_promised(name, margin, fewest, most):
    (line,) = figures.labels(name, margin, 200, SEED)
    assert line.target == most
    assert line.holds
    assert line.measured > 0.8 * fewest


def test_evidence_that_ages_stays_right():
    assert missed(figures.ageing(RUNS, SEED)) == []


def test_candidates_of_known_quality_take_no_more_replays_than_promised():
    lines = [*figures.equal(RUNS, SEED), *figures.others_than_equal(RUNS, SEED), *figures.critical_slice(RUNS, SEED)]
    assert missed(lines) == []


def test_a_fall_and_a_silent_change_are_seen_as_soon_as_promised():
    fell = over_time.alarms(over_time.differences(0.80, SEED), drift_detector(), RUNS, 2_000)
    strayed = over_time.alarms(over_time.agreements(0.80, SEED), agreement_detector(), RUNS, 2_000)
    assert 80 < fell.mean() < 140
    assert 30 < strayed.mean() < 50


def test_what_e_bh_believes_of_many_cells_is_rarely_false():
    assert missed(figures.many_cells(RUNS, SEED)) == []


@pytest.mark.parametrize("name", list(figures.UNGUARDED))
def test_without_its_guard_each_trap_catches(name):
    (line,) = figures.unguarded(name, 150, SEED)
    assert not line.holds


def test_the_rules_it_was_chosen_over_are_seen_to_be_worse():
    ours, once, peeked, groups, asymptotic = (
        figures.beside(name, 300, SEED) for name in (figures.OURS, *others.OTHERS)
    )
    assert max(ours.worse, ours.rare) < 0.08
    assert once.rare > 0.06
    assert peeked.rare > 0.35
    assert groups.rare > 0.2
    assert asymptotic.rare > 0.2
    assert ours.equal == 1.0
    assert once.equal < 0.9


def test_the_asymptotic_sequence_is_villes():
    drawn = candidates.paired(0.85)(np.random.default_rng(SEED), 1, 400)[0]
    theirs = ville.AsymptoticCS(alpha=0.10, min_samples=30).fit(drawn)
    n = np.arange(1, len(drawn) + 1)
    means = np.cumsum(drawn) / n
    spread = np.array([drawn[:k].std(ddof=1) for k in n[1:]])
    ours = means[1:] - spread * others.radius(n)[1:]
    assert ours[29:] == pytest.approx(theirs.lower_[30:], abs=1e-4)


@pytest.mark.parametrize(("mirrored", "d"), [(False, 0.95), (True, 0.75)])
def test_the_simulated_rule_is_the_ledgers(mirrored, d):
    drawn = candidates.paired(d)(np.random.default_rng(SEED), 1, 300)
    bin_of = rule.bets.bin_up if mirrored else rule.bets.bin_down
    logs = rule.log_e(drawn, 0.05, bin_of=bin_of, mirrored=mirrored)[0]
    at = int(rule.first(logs[None] >= -math.log(0.2 if mirrored else 0.05))[0])
    before, after = (weigh(Ledger.of((0.0, float(x)) for x in drawn[0, :n]), 0.0, Terms()) for n in (at - 1, at))
    assert (before.fails if mirrored else before.passes) is False
    assert (after.fails if mirrored else after.passes) is True


def test_the_simulated_rule_is_the_ledgers_with_labels_too():
    _, r, _ = judged.cases(judged.forgiving, 0.95, np.random.default_rng(SEED), 1, 300)
    logs = rule.log_e(r, 0.05, reach=reach(judged.SHARE))[0]
    for n in (1, 50, 300):
        ledger = Ledger.of(((0.0, float(x)) for x in r[0, :n]), reach(judged.SHARE))
        assert weigh(ledger, 0.0, Terms()).log_e_ready == pytest.approx(logs[n - 1])


def test_the_simulated_ageing_is_the_ledgers():
    drawn: list[tuple[float, float]] = []
    rng = np.random.default_rng(SEED)

    class Watched:
        """Draws as a generator does, and keeps what it drew: one call a day."""

        days = 0

        def multinomial(self, n, chances, size):
            counts = rng.multinomial(n, chances, size=size)
            for value, count in zip((-1.0, 0.0, 1.0), counts[0], strict=True):
                drawn.extend([(self.days * DAY, value)] * int(count))
            self.days += 1
            return counts

    for days in (2, 40):
        drawn.clear()
        last, _ = over_time.aged(0.93, 1, Watched(), days)
        assert len(drawn) == days * over_time.A_DAY
        assert bool(last) is weigh(Ledger.of(drawn), (days - 1) * DAY, Terms()).passes is (days == 40)


def test_one_more_replay_with_both_bounds_costs_less_than_a_millisecond():
    # Of CPU, so that whoever else uses the machine is not counted; the best of three, as caches are shared.
    assert min(figures.cpu_per_replay(300).measured for _ in range(3)) < 1.0
