"""Ways to compare answers, one file each; ``grader`` makes the one that a process names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from switchover.domain.ports import Grader
from switchover.domain.process import RehearsalTerms
from switchover.errors import ConfigError

from .json_fields import JsonFields
from .label import Label


def _label(settings: Mapping[str, Any]) -> Grader:
    return Label(settings.get("labels", ()), settings.get("aliases", {}))


def _json_fields(settings: Mapping[str, Any]) -> Grader:
    return JsonFields(settings.get("must_match", ()), settings.get("tolerance", {}))


GRADERS: dict[str, Callable[[Mapping[str, Any]], Grader]] = {"label": _label, "json_fields": _json_fields}

# Graders that give the same score every time: what they say may be READY, where a judge's word is PROVISIONAL.
DETERMINISTIC = frozenset({"label", "json_fields"})


def grader(terms: RehearsalTerms) -> Grader:
    """The grader that the terms name, with its settings. Raises ConfigError when there is no such grader."""
    make = GRADERS.get(terms.grader)
    if make is None:
        raise ConfigError(at="rehearse.grader", got=repr(terms.grader), want=f"one of {', '.join(sorted(GRADERS))}")
    return make(terms.settings)


__all__ = ["DETERMINISTIC", "GRADERS", "grader"]
