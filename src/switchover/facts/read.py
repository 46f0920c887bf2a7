"""The shipped facts as they stand in their files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml


@cache
def facts(name: str) -> Mapping[str, Any]:
    """The file of this name ("hardware"), parsed once."""
    text = resources.files("switchover.facts").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    return found
