"""A bad kind of request hidden in a good average is found, and an equal candidate is not blocked by chance."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "benchmarks" / "found_slices.py"
spec = importlib.util.spec_from_file_location("found_slices", SOURCE)
assert spec is not None
assert spec.loader is not None
simulation = sys.modules["found_slices"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(simulation)


def test_a_tenth_of_the_traffic_at_minus_40_points_is_found_behind_an_average_of_minus_2():
    seen = simulation.run(*simulation.CASES["10 % of the traffic at -40 points, average -2"], runs=60, seed=7)
    assert seen.found > 0.85
    assert seen.mean < 400
    assert seen.ready_first < seen.unheld


def test_an_equal_candidate_is_hardly_ever_blocked_or_held_back():
    seen = simulation.run(*simulation.CASES["equal everywhere"], runs=60, seed=7)
    assert seen.found <= simulation.BETA
    assert seen.ready_first > 0.9
    assert seen.delayed < 15


def test_even_with_every_topic_at_its_margin_false_blocks_stay_within_beta():
    assert simulation.run(*simulation.CASES["every topic at its margin, -10"], runs=60, seed=7).found <= simulation.BETA
