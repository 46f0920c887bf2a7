"""Laws of e-BH: which of many verdicts to believe together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchover.stats.many import discoveries, needed

law = settings(deadline=None, max_examples=50, derandomize=True)
evidence = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.floats(-20, 20), max_size=12)
alphas = st.floats(0.01, 0.5)


def by_definition(found, alpha):
    """The largest set whose members all reach K / (α · its size), by trying every size."""
    ranked = sorted(found, key=lambda name: (-found[name], name))
    sizes = [k for k in range(1, len(ranked) + 1) if math.exp(found[ranked[k - 1]]) * alpha * k >= len(ranked)]
    return set(ranked[: max(sizes, default=0)])


@law
@given(evidence, alphas)
def test_it_is_the_largest_set_whose_members_all_reach_what_its_size_asks(found, alpha):
    assert set(discoveries(found, alpha)) == by_definition(found, alpha)


@law
@given(evidence, alphas)
def test_more_evidence_never_loses_a_discovery(found, alpha):
    before = set(discoveries(found, alpha))
    for name in found:
        assert before <= set(discoveries({**found, name: found[name] + 1.0}, alpha))


@law
@given(evidence, alphas)
def test_a_stricter_level_discovers_no_more(found, alpha):
    assert set(discoveries(found, alpha / 2)) <= set(discoveries(found, alpha))


@law
@given(evidence, alphas)
def test_it_is_never_laxer_than_a_test_of_each_alone_and_never_stricter_than_bonferroni(found, alpha):
    alone = {name for name, log in found.items() if log >= -math.log(alpha)}
    bonferroni = {name for name, log in found.items() if log >= needed(len(found), 1, alpha)}
    assert bonferroni <= set(discoveries(found, alpha)) <= alone


@law
@given(st.floats(-20, 20), alphas)
def test_one_alone_is_its_own_test(log, alpha):
    assert bool(discoveries({"one": log}, alpha)) == (log >= needed(1, 1, alpha))


def test_the_share_of_false_discoveries_stays_below_alpha_however_they_depend():
    """Nineteen true hypotheses whose e-values are one and the same, and one that is false."""
    rng = np.random.default_rng(5)
    shares = []
    for _ in range(2_000):
        lucky = math.log(20.0) if rng.random() < 0.05 else -math.inf
        found = {f"true {place}": lucky for place in range(19)} | {"false": math.log(1_000.0)}
        believed = discoveries(found, 0.05)
        shares.append(sum(name.startswith("true") for name in believed) / max(len(believed), 1))
    # Within 2.3 standard errors of at most 5 %.
    assert np.mean(shares) <= 0.05 + 2.326 * np.std(shares) / math.sqrt(len(shares))


def test_no_evidence_at_all_discovers_nothing():
    assert discoveries({}, 0.05) == ()
    assert discoveries({"a": -math.inf}, 0.05) == ()


def test_those_with_most_evidence_come_first():
    assert discoveries({"a": 5.0, "b": 9.0, "c": 7.0}, 0.05) == ("b", "c", "a")


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.nan])
def test_a_level_that_is_none_is_refused(alpha):
    with pytest.raises(ValueError, match="between 0 and 1"):
        discoveries({"a": 1.0}, alpha)


def test_evidence_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="is a number"):
        discoveries({"a": math.nan}, 0.05)
