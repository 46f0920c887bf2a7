"""The figures of the statistics page that follow from the code alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from switchover.stats import bets
from switchover.stats.rectify import reach

PAGE = (Path(__file__).parents[2] / "docs" / "explanation" / "statistics.md").read_text(encoding="utf-8")
ALPHAS = (0.10, 0.05, 0.01)
ROWS = re.findall(r"^\| (\.\d+) \| (\d.*) \|$", PAGE[PAGE.index("<!-- fewest -->") :].split("\n\n")[0], re.MULTILINE)


def test_the_table_is_there() -> None:
    assert len(ROWS) == 5


@pytest.mark.parametrize(("margin", "cells"), ROWS)
def test_the_fewest_replays_are_those_of_the_rule(margin: str, cells: str) -> None:
    made = [f"{bets.fewest_replays(float(margin), a)} ({bets.flawless_replays(float(margin), a)})" for a in ALPHAS]
    assert cells.split(" | ") == made


def test_what_labels_on_half_the_cases_cost_is_as_the_page_says() -> None:
    five, ten = (bets.flawless_replays(margin, 0.05, reach(0.5)) for margin in (0.05, 0.10))
    assert f"{five} replays at a margin\nof .05, and {ten} at .10" in PAGE
