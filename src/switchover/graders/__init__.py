"""Ways to compare answers, one file each; ``grader`` makes the one that a process names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from switchover.domain.judge import RUBRIC
from switchover.domain.ports import Grader
from switchover.domain.process import RehearsalTerms
from switchover.errors import ConfigError

from .checks import Checks, Gate
from .exact import Exact
from .gate import Gated
from .hook import Hook
from .human import Human
from .json_fields import JsonFields
from .label import Label
from .rubric import AskJudge, Rubric
from .text import Text
from .tool_calls import ToolCalls


def _label(settings: Mapping[str, Any]) -> Grader:
    return Label(settings.get("labels", ()), settings.get("aliases", {}))


def _human(settings: Mapping[str, Any]) -> Grader:
    return Human()


GRADERS: dict[str, Callable[[Mapping[str, Any]], Grader]] = {
    "label": _label,
    "exact": Exact,
    "json_fields": JsonFields,
    "tool_calls": ToolCalls,
    "text": Text,
    "checks": Checks,
    "human": _human,
}

# Graders that give the same score every time: what they say may be READY, where a judge's word is PROVISIONAL.
DETERMINISTIC = frozenset({"label", "exact", "json_fields", "tool_calls", "text", "checks"})

# Graders whose word may be READY with nobody beside them: what a hook is worth is for its owner to know.
TRUSTED = DETERMINISTIC | {"hook"}

# Raised when a grader scores otherwise than before under the same settings: what it said before then proves nothing.
VERSIONS: Mapping[str, int] = {"json_fields": 3, "tool_calls": 2}


def grader(terms: RehearsalTerms, ask: AskJudge | None = None) -> Grader:
    """The grader that the terms name, with its settings; a judge is asked by ``ask``.

    Raises ConfigError when there is no such grader, or nobody to ask.
    """
    if terms.grader == "rubric":
        if ask is None:
            raise ConfigError(at="rehearse.judge", got="nothing", want="the upstream that judges")
        return gated(Rubric(str(terms.settings.get("rubric", RUBRIC)), ask), terms.settings)
    make = GRADERS.get(terms.grader)
    if make is None:
        known = sorted([*GRADERS, "hook", "rubric"])
        raise ConfigError(at="rehearse.grader", got=repr(terms.grader), want=f"one of {', '.join(known)}")
    return gated(make(terms.settings), terms.settings)


def hook(terms: RehearsalTerms) -> Hook:
    """The user's function that the terms name. Its process is its maker's to close."""
    own: Mapping[str, Any] = terms.settings
    return Hook(terms.hook_file or "", own["function"], by_merit=own["by_merit"], seconds=own["seconds"])


def gated(grader: Grader, settings: Mapping[str, Any]) -> Grader:
    """The grader behind the checks that its settings ask for; as it is where they ask for none."""
    gate = Gate(settings) if grader.name != Checks.name else None
    return Gated(grader, gate) if gate else grader


__all__ = ["DETERMINISTIC", "GRADERS", "TRUSTED", "VERSIONS", "gated", "grader", "hook"]
