from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/architecture.md").read_text(encoding="utf-8")
WALKS = {
    title: re.findall(r"^\d+\. `([^`]+)`", body, re.MULTILINE)
    for title, body in re.findall(r"^## (The path of [^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}


def test_the_walks_are_there() -> None:
    known = ("request", "rehearsal", "round", "drill", "answer", "page", "import", "erasure")
    assert list(WALKS) == [f"The path of one {what}" for what in known]


@pytest.mark.parametrize("walk", WALKS)
def test_every_file_of_a_walk_exists_and_stands_in_it_once(walk: str) -> None:
    files = WALKS[walk]
    assert len(files) > 8
    assert [file for file in files if not (ROOT / file).is_file()] == []
    assert sorted(set(files)) == sorted(files)


# An erasure has no folder of its own: it lies with what keeps words private.
@pytest.mark.parametrize("walk", [walk for walk in WALKS if not walk.endswith("erasure")])
def test_every_story_file_is_visited_by_its_walk(walk: str) -> None:
    """The story's own folder is walked whole: a file that no walk visits is a file nobody can place."""
    folder = {
        "request": "gateway",
        "rehearsal": "rehearsal",
        "round": "watch",
        "drill": "drill",
        "answer": "report",
        "page": "web",
        "import": "importers",
    }[walk.split()[-1]]
    own = {str(path.relative_to(ROOT)) for path in (ROOT / "src/switchover" / folder).glob("*.py")}
    small = {"__init__.py", "asgi_types.py"}
    assert {path for path in own - set(WALKS[walk]) if Path(path).name not in small} == set()
