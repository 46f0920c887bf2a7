"""Our bets, bounds and e-BH against those of ``ville``, a package that knows nothing of ours.

Its bets are capped at c/m on [0, 1], which is our λ = f/(1 + m) on [-1, 1] with f = c. Given a tiny alpha its own
choice of bet always lies above the cap, so that it makes our very bets, one fraction at a time.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import ville
from hypothesis import given, settings
from hypothesis import strategies as st

from switchover.stats import bets
from switchover.stats.many import discoveries
from switchover.stats.noninferiority import DAY, Ledger, Terms, weigh

law = settings(deadline=None, max_examples=25, derandomize=True)
NOW = 20_000 * DAY
CAPPED = 1e-300
hundredths = st.lists(st.integers(-100, 100), min_size=1, max_size=150).map(lambda found: np.array(found) / 100.0)
margins = st.sampled_from([0.02, 0.05, 0.10, 0.25])


def log_e_of_ville(found, m, alternative, reach=1.0):
    """ln of the mixture of its six bets against mean <= m ("greater") or mean >= m ("less")."""
    logs = [
        ville.BettingTest(m, bounds=(-reach, reach), alternative=alternative, alpha=CAPPED, c=f).fit(found)
        for f in bets.FRACTIONS
    ]
    return float(np.logaddexp.reduce([one.log_e_values_[-1] for one in logs] + bets.LOG_WEIGHTS))


@law
@given(hundredths, margins)
def test_the_evidence_for_ready_and_for_not_ready_is_villes(found, margin):
    weighed = weigh(Ledger.of((NOW, float(d)) for d in found), NOW, Terms(margin=margin))
    assert weighed.log_e_ready == pytest.approx(log_e_of_ville(found, -margin, "greater"), abs=1e-8)
    assert weighed.log_e_not_ready == pytest.approx(log_e_of_ville(found, -margin, "less"), abs=1e-8)


@law
@given(hundredths, margins)
def test_so_it_is_over_the_wider_range_of_rectified_values(found, margin):
    reach = 3.0
    spread = np.round(found * reach, 2)
    weighed = weigh(Ledger.of(((NOW, float(d)) for d in spread), reach), NOW, Terms(margin=margin))
    assert weighed.log_e_ready == pytest.approx(log_e_of_ville(spread, -margin, "greater", reach), abs=1e-8)
    assert weighed.log_e_not_ready == pytest.approx(log_e_of_ville(spread, -margin, "less", reach), abs=1e-8)


@law
@given(hundredths)
def test_villes_evidence_turns_at_our_bounds(found):
    weighed = weigh(Ledger.of((NOW, float(d)) for d in found), NOW, Terms())
    for bound, chance, alternative, outward in (
        (weighed.lower, 0.05, "greater", -1e-4),
        (weighed.upper, 0.20, "less", 1e-4),
    ):
        # Nearer to the ends its caps lie above any bet that it would choose.
        if abs(bound) < 0.9:
            assert log_e_of_ville(found, bound + outward, alternative) >= -math.log(chance) - 1e-6
            assert log_e_of_ville(found, bound - outward, alternative) < -math.log(chance) + 1e-6


@pytest.mark.parametrize("sequence", [ville.BettingCS, ville.EmpiricalBernsteinCS])
@pytest.mark.parametrize("odds", [(0.05, 0.90, 0.05), (0.15, 0.80, 0.05), (0.02, 0.96, 0.02)])
def test_our_lower_bound_is_about_as_tight_as_its_confidence_sequences(sequence, odds):
    """Both are valid at the same level; ours may not be much the wider one, nor lie above the other's upper end."""
    rng = np.random.default_rng(11)
    found = rng.choice([-1.0, 0.0, 1.0], size=600, p=odds)
    ours = weigh(Ledger.of((NOW, float(d)) for d in found), NOW, Terms()).lower
    # Two-sided at 10 % has 5 % on each side.
    low, high = sequence(bounds=(-1.0, 1.0), alpha=0.10, intersect=False).fit(found).interval()
    assert ours < high
    assert ours > low - 0.02


@law
@given(st.lists(st.floats(-5, 12), min_size=1, max_size=20), st.sampled_from([0.01, 0.05, 0.2]))
def test_what_e_bh_discovers_is_what_ville_discovers(logs, alpha):
    named = {f"{place:02d}": log for place, log in enumerate(logs)}
    theirs = {name for name, chosen in zip(named, ville.evalues.ebh(np.exp(logs), alpha), strict=True) if chosen}
    assert set(discoveries(named, alpha)) == theirs
