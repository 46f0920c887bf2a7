"""Every direct dependency has a row that says why, and no row outlives its dependency."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "design" / "dependencies.md"
# uv installs the others; it is a tool of the Makefile's and part of nothing.
TOOLS = {"uv"}


def required() -> set[str]:
    """The names in ``requirements/*.in``."""
    lines = [line for path in (ROOT / "requirements").glob("*.in") for line in path.read_text().splitlines()]
    return {match[0].lower() for line in lines if (match := re.match(r"[A-Za-z0-9][\w.-]*", line))} - TOOLS


def rows() -> list[list[str]]:
    """The cells of each row that names a package."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]


def test_every_direct_dependency_has_a_row() -> None:
    assert required() - {row[0].strip("`") for row in rows()} == set()


def test_no_row_names_what_is_not_required() -> None:
    assert {row[0].strip("`") for row in rows()} - required() == set()


def test_a_row_says_why_how_big_under_which_licence_and_what_without_it() -> None:
    assert len(rows()) == len(required())
    assert [row for row in rows() if len(row) != 5 or not all(row) or " MB" not in row[2]] == []
