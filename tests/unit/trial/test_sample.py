"""Slices are taken in advance, and the overall ledger stays as the traffic is."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from switchover.testing.builders import make_exchange
from switchover.trial.cases import Case
from switchover.trial.sample import OVERALL, factors, parts_of, plan_cases
from switchover.trial.split import CopyGroup, share

BARE = make_exchange()


def group(n, *slices):
    key = f"{n:08x}"
    case = Case(bare=BARE, packed=b"", text="", reference="a", key=key, order=key, slices=slices, frame="")
    return CopyGroup(key, (case,))


def record(many, **slices):
    """Groups of which each slice holds its share, independently of the others."""
    return [group(n, *(name for name, part in slices.items() if share("in", name, n) < part)) for n in range(many)]


def parts(planned, name):
    inside = [one for one in planned if name in one.case.slices]
    return len(inside) / len(planned), inside


def test_every_group_comes_once_and_all_count_where_no_slice_is_critical():
    groups = record(500, told=0.1)
    planned = plan_cases(groups, 1, critical=())
    assert Counter(p.group.key for p in planned) == Counter(g.key for g in groups)
    assert all(p.counts for p in planned)


def test_a_rare_slice_makes_up_30_percent_of_the_replays_and_its_own_share_of_what_counts():
    planned = plan_cases(record(20_000, rare=0.02), 1)[:1_000]
    much, inside = parts(planned, "rare")
    assert much == pytest.approx(0.30, abs=0.04)
    counted = [p for p in planned if p.counts]
    assert sum(p.counts for p in inside) / len(counted) == pytest.approx(0.02, abs=0.013)
    assert all(p.counts for p in planned if not p.case.slices)


def test_a_slice_is_not_used_up_before_enough_cases_count_overall():
    groups = record(2 * OVERALL, rare=0.05)
    planned = plan_cases(groups, 1)
    assert sum(p.counts for p in planned) == pytest.approx(OVERALL, rel=0.08)
    rare = [p for p in planned if p.case.slices]
    assert len(rare) == sum(bool(g.cases[0].slices) for g in groups)
    few = record(OVERALL, rare=0.05)
    assert len(plan_cases(few, 1)) == len(few)
    assert all(p.counts for p in plan_cases(few, 1))


def test_where_everything_is_critical_everything_counts():
    planned = plan_cases(record(3_000, all=1.0), 1)
    assert len(planned) == 3_000
    assert all(p.counts for p in planned)


def test_of_overlapping_slices_each_has_its_even_share_and_a_case_one_part():
    cases = record(24_000, often=0.5, rare=0.02, rarest=0.005)
    assert parts_of([("often", "rare"), ("often",), ()]) == ["rare", "often", ""]
    planned = plan_cases(cases, 1)[:2_000]
    assert parts(planned, "rarest")[0] == pytest.approx(0.10, abs=0.03)
    assert parts(planned, "rare")[0] == pytest.approx(0.10, abs=0.03)
    counted = [p for p in planned if p.counts]
    assert parts(counted, "often")[0] == pytest.approx(0.5, abs=0.05)
    assert parts(counted, "rare")[0] == pytest.approx(0.02, abs=0.013)


@pytest.mark.parametrize("sizes", [{"": 900, "a": 100}, {"a": 10, "b": 990}, {"": 10_000, "a": 1, "b": 5_000}])
def test_parts_are_replayed_at_least_as_often_as_they_come(sizes):
    found = factors(sizes)
    assert all(1.0 <= found[name] <= max(sum(sizes.values()) / OVERALL, 1.0) for name in sizes)
    assert factors({}) == {}


@pytest.mark.parametrize(
    "slices", [{"rare": 0.01}, {"rare": 0.1}, {"half": 0.5, "rare": 0.05}, {"all": 1.0, "rare": 0.05}]
)
def test_the_mean_of_what_counts_is_that_of_the_traffic(slices):
    """A candidate that is good or bad in slices alone: were they not thinned, its mean would be another one."""
    losses = {name: -0.4 + 0.3 * place for place, name in enumerate(slices)}
    groups = record(6_000, **slices)

    def d(one):
        return 0.1 + sum(losses[name] for name in one.cases[0].slices)

    truth = sum(map(d, groups)) / len(groups)
    spread = math.sqrt(sum((d(one) - truth) ** 2 for one in groups) / len(groups))
    means, replays = [], 400
    for seed in range(10):
        counted = [d(p.group) for p in plan_cases(groups, seed)[:replays] if p.counts]
        means.append(sum(counted) / len(counted))
    # Four standard errors of the mean over 10 seeds.
    assert sum(means) / len(means) == pytest.approx(truth, abs=4 * spread / math.sqrt(10 * replays * 0.65) + 1e-12)


def test_what_counts_is_drawn_by_seed_and_content_alone():
    groups = record(20_000, rare=0.02)
    first, again, other = (
        {p.group.key: p.counts for p in plan_cases(groups, seed)[:900] if p.case.slices} for seed in (1, 1, 2)
    )
    assert first == again
    both = first.keys() & other.keys()
    assert {key: first[key] for key in both} != {key: other[key] for key in both}
