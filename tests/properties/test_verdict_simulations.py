"""The verdict's simulations, reduced to 400 runs; `make verdicts` runs 4,000."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from switchover.stats.noninferiority import Ledger, Terms, weigh

SOURCE = Path(__file__).parents[2] / "benchmarks" / "verdicts.py"
spec = importlib.util.spec_from_file_location("verdict_simulations", SOURCE)
assert spec is not None
assert spec.loader is not None
simulations = sys.modules["verdict_simulations"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(simulations)

RUNS, SEED = 400, 7


@pytest.mark.parametrize("name", list(simulations.NULLS))
def test_a_candidate_as_bad_as_the_margin_forbids_is_rarely_ready(name):
    replays = simulations.to_ready(simulations.NULLS[name], RUNS, SEED)
    share = float(np.isfinite(replays).mean())
    assert simulations.may_hold(share, simulations.ALPHA, RUNS), f"{name}: {share:.1%}"


def test_candidates_of_known_quality_take_no_more_replays_than_promised():
    missed = [str(line) for line in simulations.alternatives(RUNS, SEED) if not line.holds]
    assert not missed


def test_the_simulations_tell_the_rule_from_those_it_was_chosen_over():
    nearest, wald, copies = simulations.rejected_rules(100, SEED)
    assert not nearest.holds
    assert nearest.measured > 0.9
    assert not wald.holds
    assert wald.measured > 0.2
    assert not copies.holds


def test_the_simulated_rule_is_the_ledger_s():
    d = simulations.paired(0.95)(np.random.default_rng(SEED), 1, 200)
    reached = simulations.first_reached(d, 0.05, 0.05, simulations.bets.bin_down)[0]
    assert np.isfinite(reached)
    at = int(reached)
    assert weigh(Ledger.of((0.0, float(x)) for x in d[0, :at]), 0.0, Terms()).passes
    assert not weigh(Ledger.of((0.0, float(x)) for x in d[0, : at - 1]), 0.0, Terms()).passes
