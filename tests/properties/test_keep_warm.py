"""A proof that is kept warm at the specified rate stays in date, at the specified cost."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.domain.process import Criticality
from switchover.rehearsal.due import Held, LedgerNow, keep_warm_rate, needs, rate_of
from switchover.stats import bets
from switchover.stats.noninferiority import DAY, Ledger, Terms, weigh
from switchover.trial.decide import STANDS_DAYS

TERMS = Terms()
DAYS, SEEDS, ROUND, A_DAY = 120, 16, 8, 200
WANTED = -math.log(TERMS.alpha)
OUTCOMES = np.array([-1.0, 0.0, 1.0])
BINS = bets.bin_down(OUTCOMES)


class Cell:
    """A cell whose cases come in by day; a day's counts are those of d = -1, 0 and 1.

    An equal candidate: both right in 90 of 100, with correlation one half (specs/verdict.md, Figures to reproduce).
    """

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.days = np.zeros((DAYS + 1, 3))

    def replay(self, day: int, size: int) -> None:
        alike, right = self.rng.random(size) < 0.5, self.rng.random((size, 2)) < 0.9
        d = np.where(alike, 0, right[:, 0].astype(int) - right[:, 1])
        self.days[day] += np.bincount(d + 1, minlength=3)

    def weights(self, day: int) -> bets.Numbers:
        aged = np.exp2(-(day - np.arange(day + 1)) / TERMS.half_life) @ self.days[: day + 1]
        found = np.zeros(bets.BINS)
        found[BINS] = aged
        return found

    def in_date(self, day: int) -> bool:
        return float(bets.log_evidence(self.weights(day), -TERMS.margin)) >= WANTED

    def lasts(self, day: int) -> bool:
        share = bets.lasting(self.weights(day), -TERMS.margin, TERMS.alpha)
        return share is not None and -math.log2(share) * TERMS.half_life >= STANDS_DAYS

    def replays(self) -> int:
        return int(self.days.sum())


def held(cell: Cell, day: int, **changes: object) -> Held:
    growth = bets.growth(cell.weights(day), -TERMS.margin)
    given = {
        "process": "p", "candidate": "c", "prompt_version": "v", "criticality": Criticality.CRITICAL,
        "ledgers": [LedgerNow(growth=growth)], "expires_at": (day + 1) * DAY, "alpha": TERMS.alpha,
        "half_life": TERMS.half_life,
    }  # fmt: skip
    return Held(**given | changes)


def warmed(seed: int, most: int = A_DAY) -> tuple[int, int, float]:
    """Days out of date in 120 days after the first READY, how often it lapsed, and replays a day."""
    cell = Cell(seed)
    while not cell.lasts(0):
        cell.replay(0, ROUND)
    first, out, lapses, before = cell.replays(), 0, 0, False
    for day in range(1, DAYS + 1):
        # In the morning, before the day's replays: the moment at which an outage would find it.
        lapsed = not cell.in_date(day)
        out, lapses, before = out + lapsed, lapses + (lapsed and not before), lapsed
        made = sum(min(need.replays, most) for need in needs([held(cell, day)], day * DAY))
        cell.replay(day, made)
        while made < most and not cell.lasts(day):
            cell.replay(day, ROUND)
            made += ROUND
    return out, lapses, (cell.replays() - first) / DAYS


def test_an_equal_candidates_proof_stays_in_date_over_120_days_for_fifteen_to_twenty_replays_a_day():
    found = np.array([warmed(seed) for seed in range(SEEDS)])
    out, _, rate = found.mean(axis=0)
    # Over 200 seeds: 15.8 replays a day, 0.18 % of the days out of date, and 18 cells in 100 lapse at all.
    assert 13.0 <= rate <= 20.0
    assert out / DAYS <= 0.01


def test_the_simulation_reckons_as_a_verdict_does():
    cell = Cell(7)
    for day in (0, 3, 9):
        cell.replay(day, 90)
    cases = [
        (day * DAY, d)
        for day in (0, 3, 9)
        for d, n in zip(OUTCOMES, cell.days[day], strict=True)
        for _ in range(int(n))
    ]
    weighed = weigh(Ledger.of(cases), 12 * DAY, TERMS)
    assert math.isclose(weighed.log_e_ready, float(bets.log_evidence(cell.weights(12), -TERMS.margin)))
    assert weighed.passes == cell.in_date(12)


def test_the_rate_is_that_of_the_specification():
    # With what an equal candidate gains per replay in its first weeks (0.009 to 0.012): 15 to 20 a day.
    assert 14.4 < keep_warm_rate(0.012, 0.05, 30) < 15 < 19 < keep_warm_rate(0.009, 0.05, 30) < 20


@given(st.floats(0.002, 0.2), st.floats(0.001, 0.2), st.floats(5, 90), st.floats(1.01, 3))
def test_the_rate_falls_with_growth_and_half_life_and_rises_with_certainty(growth, alpha, half_life, more):
    rate = keep_warm_rate(growth, alpha, half_life)
    assert keep_warm_rate(growth * more, alpha, half_life) < rate
    assert keep_warm_rate(growth, alpha, half_life * more) < rate
    assert keep_warm_rate(growth, alpha / more, half_life) > rate


@given(st.lists(st.tuples(st.floats(0.002, 0.1), st.floats(0.05, 1.0)), min_size=1, max_size=4))
def test_the_cells_rate_keeps_each_of_its_ledgers(parts):
    ledgers = [LedgerNow(growth=growth, share=share) for growth, share in parts]
    rate = rate_of(held(Cell(1), 0, ledgers=ledgers))
    assert rate is not None
    for one in ledgers:
        assert rate * one.share >= keep_warm_rate(one.growth, TERMS.alpha, TERMS.half_life) * 0.999999


@pytest.mark.parametrize("growth", [None, 0.0, -0.01, 1e-6])
def test_a_ledger_that_gains_nothing_has_no_rate_and_is_replayed_at_its_end(growth):
    cell = held(Cell(1), 0, ledgers=[LedgerNow(growth=growth)], expires_at=3 * DAY)
    assert rate_of(cell) is None
    assert needs([cell], 1 * DAY) == []
    [need] = needs([cell], 2.5 * DAY)
    assert need.replays == 1
