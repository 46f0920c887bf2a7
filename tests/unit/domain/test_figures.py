"""A number for people has no power of ten, however large or small it is."""

from __future__ import annotations

import pytest

from switchover.domain.figures import figure


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (0.02, "0.02"),
        (0.0000004, "0.0000004"),
        (0.123456, "0.1235"),
        (-0.01, "−0.01"),
        (36.0, "36"),
        (999.96, "1,000"),
        (12_345.67, "12,346"),
        (25_000.0, "25,000"),
        (100_000_000.0, "100,000,000"),
        (-25_000.0, "−25,000"),
    ],
)
def test_a_number_has_the_digits_that_count_and_no_power_of_ten(value, said):
    assert figure(value) == said
