"""Agreement of JSON objects or lists, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from switchover.domain.answer import words_of
from switchover.domain.ports import Question, Score

from .fields import ByPath, Rules, compare, leaves, parse


class JsonFields:
    """Scores the weighed share of fields on which two answers agree; 0 when a field that must match does not."""

    name = "json_fields"
    by_merit = False

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._rules = Rules.of(settings)
        self._must_match = {name: ByPath({name: True}) for name in settings.get("must_match", ())}

    async def score(self, answer: str | None, question: Question) -> Score:
        """0–1 over the fields of either answer; ungraded when the recorded one has no JSON fields that count."""
        wanted = parse(words_of(question.reference) or "")
        named = leaves(wanted, self._rules.keys)
        if not any(self._rules.weights.find(path, 1.0) > 0 for path in named):
            return Score(None, "the recorded answer is no JSON with fields that count")
        got = parse(words_of(answer) or "")
        if got is None:
            return Score(0.0, "no answer" if answer is None else "not JSON")
        found = compare(got, wanted, self._rules)
        for name, here in self._must_match.items():
            if any(here.find(path, False) for path in found.differing):
                return Score(0.0, f"{name} differs")
        told = f"{len(found.differing)} field(s) differ" if found.differing else ""
        return Score(1.0 - found.differing_weight / found.weight, told)
