"""One error tree: drawn as it is, and at one with the catalogue of faults."""

from __future__ import annotations

import configparser
import inspect
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from switchover import errors, faults

ROOT = Path(__file__).parents[2]
BRANCH = re.compile(r"^(?P<indent>(?:│   |    )*)(?:├── |└── )(?P<name>\w+)")

# A row about a jurisdiction opens the breaker of the whole provider: breakers know no wider scope, cut-offs do.
WIDER = {"jurisdiction": "provider"}
# Waiting for Retry-After belongs to the walk over a plan's attempts, not to the one attempt that failed.
LATER = {"after-wait": "none"}


def drawn() -> set[tuple[str, str]]:
    """(class, its parent) as the tree atop ``errors.py`` draws them."""
    parents = ["SwitchoverError"]
    found = set()
    for line in (errors.__doc__ or "").splitlines():
        if match := BRANCH.match(line):
            depth = len(match["indent"]) // 4
            del parents[depth + 1 :]
            found.add((match["name"], parents[-1]))
            parents.append(match["name"])
    return found


def below(root: type[BaseException]) -> Iterator[type[Any]]:
    """Every class of the module under ``root``."""
    for cls in root.__subclasses__():
        if cls.__module__ == errors.__name__:
            yield cls
            yield from below(cls)


@cache
def catalogue() -> dict[str, Any]:
    """The rows of ``facts/faults.yaml`` by id."""
    text = resources.files("switchover.facts").joinpath("faults.yaml").read_text(encoding="utf-8")
    return {row["id"]: row for row in yaml.safe_load(text)["faults"]}


def test_the_tree_atop_the_file_names_every_class_and_no_other() -> None:
    declared = {
        name
        for name, cls in vars(errors).items()
        if inspect.isclass(cls) and issubclass(cls, errors.SwitchoverError) and cls.__module__ == errors.__name__
    }
    assert {name for name, _ in drawn()} | {"SwitchoverError"} == declared


def test_every_class_stands_under_the_branch_it_belongs_to() -> None:
    for name, parent in drawn():
        assert issubclass(getattr(errors, name), getattr(errors, parent)), f"{name} is drawn under {parent}"


def test_the_tree_is_all_there_is() -> None:
    ours = {cls.__name__ for cls in below(errors.SwitchoverError) if cls.__module__ == errors.__name__}
    assert ours == {name for name, _ in drawn()}


@pytest.mark.parametrize("cls", list(below(errors.UpstreamError)), ids=lambda cls: cls.__name__)
def test_an_upstream_error_does_what_its_row_of_the_catalogue_says(cls: type[errors.UpstreamError]) -> None:
    row = catalogue()[cls.fault]
    scope, effect = row["breaker"]
    assert cls.retry == LATER.get(row["retry"], row["retry"])
    assert (cls.breaker_scope, cls.breaker_effect) == (WIDER.get(scope, scope), effect)
    assert cls.stops == (row["failover"] == "stop")


@pytest.mark.parametrize("cls", list(below(errors.UpstreamError)), ids=lambda cls: cls.__name__)
def test_what_a_caller_sees_is_what_the_row_says(cls: type[errors.UpstreamError]) -> None:
    promised = re.match(r"(\d{3})(?: (upstream_\w+))?", catalogue()[cls.fault]["caller"])
    if promised is None:
        return
    assert cls.http_status == int(promised[1])
    if promised[2]:
        assert cls.code == promised[2]


@pytest.mark.parametrize("cls", list(below(errors.SwitchoverError)), ids=lambda cls: cls.__name__)
def test_no_callers_error_is_a_providers_own_refusal(cls: type[Any]) -> None:
    if issubclass(cls, errors.UpstreamError):
        assert cls.http_status not in {401, 403, 404}


def fault_files() -> list[str]:
    """The faults there are, one file each: those that register themselves."""
    folder = Path(inspect.getfile(faults)).parent
    return sorted(path.stem for path in folder.glob("*.py") if "@fault(" in path.read_text(encoding="utf-8"))


def test_every_fault_file_is_under_the_plug_in_contract() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter", encoding="utf-8")
    modules = contracts["importlinter:contract:plug-ins"]["modules"].split()
    named = sorted(module.removeprefix("switchover.faults.") for module in modules if ".faults." in module)
    assert named == fault_files()


def test_every_fault_file_registers_one_fault_that_can_be_made_as_it_is() -> None:
    assert len(faults.FAULTS) == len(fault_files())
    for name in faults.FAULTS:
        assert faults.make(name, {}) is not None
