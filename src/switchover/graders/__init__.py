"""Ways to compare answers, one file each; ``grader`` makes the one that a process names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from switchover.domain.ports import Grader
from switchover.domain.process import RehearsalTerms
from switchover.errors import ConfigError

from .checks import Checks, Gate
from .exact import Exact
from .gate import Gated
from .json_fields import JsonFields
from .label import Label
from .text import Text
from .tool_calls import ToolCalls


def _label(settings: Mapping[str, Any]) -> Grader:
    return Label(settings.get("labels", ()), settings.get("aliases", {}))


GRADERS: dict[str, Callable[[Mapping[str, Any]], Grader]] = {
    "label": _label,
    "exact": Exact,
    "json_fields": JsonFields,
    "tool_calls": ToolCalls,
    "text": Text,
    "checks": Checks,
}

# Graders that give the same score every time: what they say may be READY, where a judge's word is PROVISIONAL.
DETERMINISTIC = frozenset({"label", "exact", "json_fields", "tool_calls", "text", "checks"})

# Raised when a grader scores otherwise than before under the same settings: what it said before then proves nothing.
VERSIONS: Mapping[str, int] = {"json_fields": 2}


def grader(terms: RehearsalTerms) -> Grader:
    """The grader that the terms name, with its settings. Raises ConfigError when there is no such grader."""
    make = GRADERS.get(terms.grader)
    if make is None:
        raise ConfigError(at="rehearse.grader", got=repr(terms.grader), want=f"one of {', '.join(sorted(GRADERS))}")
    return gated(make(terms.settings), terms.settings)


def gated(grader: Grader, settings: Mapping[str, Any]) -> Grader:
    """The grader behind the checks that its settings ask for; as it is where they ask for none."""
    gate = Gate(settings) if grader.name != Checks.name else None
    return Gated(grader, gate) if gate else grader


__all__ = ["DETERMINISTIC", "GRADERS", "VERSIONS", "gated", "grader"]
