"""How figures are said."""

from __future__ import annotations

from decimal import Decimal

import pytest

from switchover.report.wording import anchor, harmless, share, span, usd


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "unknown"),
        (0.0, "0 %"),
        (0.004, "under 1 %"),
        (0.934, "93 %"),
        (0.9999, "99 %"),
        (1.0, "100 %"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_nothing(value, said):
    assert share(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "unknown"),
        (Decimal(0), "$0.00"),
        (Decimal("0.00001"), "under $0.0001"),
        (Decimal("0.0264"), "$0.0264"),
        (Decimal("49.876"), "$49.88"),
        (Decimal("1234567.8"), "$1,234,568"),
    ],
)
def test_money_has_the_digits_it_deserves(value, said):
    assert usd(value) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.0, "0 seconds"), (1.0, "1 second"), (90.0, "90 seconds"), (590.0, "10 minutes"), (172_800.0, "2 days")],
)
def test_a_span_is_said_in_the_unit_a_person_would_use(seconds, said):
    assert span(seconds) == said


def test_anchors_of_different_names_differ_and_hold_no_space():
    names = ["provider:a", "provider_3a_a", "a b", "a_b", "a.b", "ä", '"><'.strip()]
    found = [anchor(name) for name in names]
    assert len(set(found)) == len(names)
    assert all(part.isascii() and " " not in part for part in found)


def test_control_and_direction_marks_are_shown():
    assert harmless("a\x1b[2J\u202eb\nc") == "a\\u001b[2J\\u202eb c"
    assert harmless("x" * 500).endswith("x [cut]")
