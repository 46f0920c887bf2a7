"""The reference is what the code says: nothing is missing, and no page was edited by hand."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from switchover import errors
from switchover.config.schema import SECTIONS

ROOT = Path(__file__).parents[2]


def generator() -> ModuleType:
    """``docs/generate.py`` as a module."""
    if "docs_generate" not in sys.modules:
        spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["docs_generate"] = module
        spec.loader.exec_module(module)
    return sys.modules["docs_generate"]


def page(name: str) -> str:
    """A page of the reference as it is in the repository."""
    return (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(generator().PAGES))
def test_a_generated_page_is_what_the_code_says(path: str) -> None:
    made = generator().PAGES[path]().rstrip("\n") + "\n"
    assert (ROOT / "docs" / path).read_text(encoding="utf-8") == made, "run `make docs`"


@pytest.mark.parametrize("name", generator().setting_names())
def test_a_setting_is_documented(name: str) -> None:
    assert f"### `{name}`\n" in page("settings.md")


def test_no_section_of_the_schema_is_left_out() -> None:
    documented = {name.rsplit(".", 1)[-1] for name in generator().setting_names()}
    declared = {field.alias or name for section in SECTIONS for name, field in section.model_fields.items()}
    assert documented == declared


def test_no_setting_is_documented_that_there_is_not() -> None:
    headings = {line[5:-1] for line in page("settings.md").splitlines() if line.startswith("### `")}
    assert headings == set(generator().setting_names())


@pytest.mark.parametrize("cls", list(generator().error_classes()), ids=lambda cls: cls.__name__)
def test_an_error_is_documented_with_what_it_means(cls: type[errors.SwitchoverError]) -> None:
    assert f"## `{cls.__name__}`\n" in page("errors.md")
    assert cls.__doc__
