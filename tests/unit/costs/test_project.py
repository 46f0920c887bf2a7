"""The same use for two years under each change of price."""

from __future__ import annotations

from decimal import Decimal

import pytest

from switchover.costs.project import SECONDS_PER_MONTH, per_month, project


def test_a_window_becomes_a_month_at_the_same_rate():
    # A twelfth of 365.25 days is 2,629,800 s; $2 in a tenth of it is $20 in all of it.
    assert Decimal("365.25") * 86_400 / 12 == SECONDS_PER_MONTH
    assert per_month(Decimal(2), 262_980.0) == Decimal(20)


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_window_of_no_length_gives_no_month(seconds):
    with pytest.raises(ValueError, match="no length"):
        per_month(Decimal(1), seconds)


def test_four_changes_are_projected_over_24_months():
    found = {scenario.change: scenario for scenario in project(Decimal(100))}
    # $100 a month: 70, 100, 130 and 150 a month under each change, 24 times.
    assert {change: scenario.total for change, scenario in found.items()} == {
        -30: Decimal(1680),
        0: Decimal(2400),
        30: Decimal(3120),
        50: Decimal(3600),
    }
    assert found[30].cumulative[:3] == (Decimal(130), Decimal(260), Decimal(390))
    assert all(len(scenario.cumulative) == 24 for scenario in found.values())
