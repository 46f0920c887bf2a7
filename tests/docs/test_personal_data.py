"""The page of personal data names every kind that is looked for, with the class it makes of its text."""

from __future__ import annotations

import re
from pathlib import Path

from switchover.domain.personal import KINDS
from switchover.domain.process import DataClass

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "personal-data.md"


def test_every_kind_stands_there_with_its_class() -> None:
    rows = re.findall(r"^\| (`[^|]+`) \| ([^|,]+)[|,]", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = {name: level.strip() for names, level in rows for name in re.findall(r"`([^`]+)`", names)}
    meant = {kind: "none" if level is DataClass.PUBLIC else level.value for kind, level in KINDS.items()}
    assert told == meant
