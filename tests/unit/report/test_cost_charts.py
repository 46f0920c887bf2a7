"""Drawings of a projection: what they show is in them, in order, and nothing from outside is markup."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise

import pytest

from switchover.costs.outlook import Band, Swing
from switchover.report.cost_charts import fan, lines_by_volume, swings

BAND = Band(
    p10=(Decimal(10), Decimal(20)), p50=(Decimal(20), Decimal(50)), p90=(Decimal(40), Decimal(100)),
)  # fmt: skip


def points(kind, drawn):
    found = re.search(rf'class="{kind}" points="([^"]*)"', drawn)[1]
    return [tuple(map(float, one.split(","))) for one in found.split()]


def test_a_fan_reaches_from_p10_to_p90_and_begins_at_nothing():
    drawn = str(fan(BAND, BAND.p50, "costs"))
    area = points("fan", drawn)
    # There along P90 and back along P10: now, the first and the last month.
    assert area[0] == area[-1] == (0.0, 120.0)
    assert area[2] == (100.0, 12.0)
    assert area[3] == (100.0, 120 - 20 / 100 * 108)
    assert points("line now", drawn)[-1] == (100.0, 120 - 50 / 100 * 108)
    assert [said for said in ("P90 $100", "P50 $50.00", "P10 $20.00") if said in drawn] == [
        "P90 $100", "P50 $50.00", "P10 $20.00",
    ]  # fmt: skip
    assert "stay" not in drawn


def test_a_fan_of_another_option_has_the_line_of_staying_at_the_same_scale():
    drawn = str(fan(BAND, (Decimal(100), Decimal(200)), "costs"))
    assert points("line pale", drawn)[-1] == (100.0, 12.0)
    assert points("line now", drawn)[-1] == (100.0, 120 - 50 / 200 * 108)


def test_labels_keep_their_distance_where_lines_end_close_together():
    close = Band(p10=(Decimal(99),), p50=(Decimal(100),), p90=(Decimal(101),))
    heights = [
        float(y) for y in re.findall(r'class="end[^"]*" x="[^"]*" y="([\d.]+)"', str(fan(close, close.p50, "x")))
    ]
    assert len(heights) == 3
    assert all(b - a >= 15.9 for a, b in pairwise(heights))


def swing(name, low, high):
    return Swing(name=name, unit="USD", low=1.0, high=2.0, at_low=Decimal(low), at_high=Decimal(high))


def test_the_widest_swing_takes_the_whole_width_and_the_middle_is_marked_on_each():
    drawn = str(swings([swing("wide", -100, 100), swing("narrow", 20, -20)], Decimal(0)))
    widths = [float(one) for one in re.findall(r'width="([\d.]+)%" height="12"', drawn)]
    assert widths == [pytest.approx(98.0), pytest.approx(98 * 0.2)]
    assert drawn.count('class="limit" x1="50.00%"') == 2
    assert "1 → −$100; 2 → $100" in drawn


def test_costs_by_volume_are_drawn_once_per_option_and_the_unproven_pale():
    lines = {"stay": (1.0, 10.0, 100.0), "box": (50.0, 50.0, 60.0)}
    drawn = str(lines_by_volume((0.01, 1.0, 100.0), lines, {"box"}, 24))
    assert points("line now", drawn)[0] == (0.0, 220.0)
    assert points("line now", drawn)[-1] == (100.0, 12.0)
    assert len(points("line pale", drawn)) == 3
    assert "today" in drawn


@pytest.mark.parametrize("empty", [swings([], Decimal(0)), lines_by_volume((), {}, (), 24)])
def test_nothing_to_show_is_no_drawing(empty):
    assert empty == ""


def test_names_from_outside_are_text():
    nasty = '<script>alert(1)</script>"'
    drawn = f"{swings([swing(nasty, 1, 2)], Decimal(1))}{lines_by_volume((0.1, 1.0), {nasty: (1.0, 2.0)}, (), 24)}"
    assert "<script" not in drawn
    assert "&lt;script" in drawn
