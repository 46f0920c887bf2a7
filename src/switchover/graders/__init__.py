"""Ways to compare answers, one file each; ``grader`` makes the one that a process names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from switchover.domain.judge import RUBRIC
from switchover.domain.ports import Grader
from switchover.domain.process import RehearsalTerms
from switchover.errors import ConfigError

from .hook import Hook
from .human import Human
from .json_fields import JsonFields
from .label import Label
from .rubric import AskJudge, Rubric


def _label(settings: Mapping[str, Any]) -> Grader:
    return Label(settings.get("labels", ()), settings.get("aliases", {}))


def _json_fields(settings: Mapping[str, Any]) -> Grader:
    return JsonFields(settings.get("must_match", ()), settings.get("tolerance", {}))


def _human(settings: Mapping[str, Any]) -> Grader:
    return Human()


GRADERS: dict[str, Callable[[Mapping[str, Any]], Grader]] = {
    "label": _label,
    "json_fields": _json_fields,
    "human": _human,
}

# Graders that give the same score every time: what they say may be READY, where a judge's word is PROVISIONAL.
DETERMINISTIC = frozenset({"label", "json_fields", "hook"})

# Graders that ask somebody, whose time or tokens cost: answers that are the same are not put to them.
ASKING = frozenset({"rubric", "human"})


def grader(terms: RehearsalTerms, ask: AskJudge | None = None) -> Grader:
    """The grader that the terms name, with its settings; a judge is asked by ``ask``.

    Raises ConfigError when there is no such grader, or nobody to ask.
    """
    if terms.grader == "rubric":
        if ask is None:
            raise ConfigError(at="rehearse.judge", got="nothing", want="the upstream that judges")
        return Rubric(str(terms.settings.get("rubric", RUBRIC)), ask)
    if terms.grader == "hook" and terms.hook_file is not None:
        own: Mapping[str, Any] = terms.settings
        return Hook(terms.hook_file, own["function"], by_merit=own["by_merit"], seconds=own["seconds"])
    make = GRADERS.get(terms.grader)
    if make is None:
        known = sorted([*GRADERS, "hook", "rubric"])
        raise ConfigError(at="rehearse.grader", got=repr(terms.grader), want=f"one of {', '.join(known)}")
    return make(terms.settings)


__all__ = ["ASKING", "DETERMINISTIC", "GRADERS", "grader"]
