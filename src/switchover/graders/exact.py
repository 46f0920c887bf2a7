"""Agreement of short answers: the same words, numbers or date under another spelling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from switchover.domain.answer import words_of
from switchover.domain.ports import Question, Score

from .leaves import as_date
from .words import tokens


class Exact:
    """Scores 1 when both answers say the same, else 0. An alias says what its answer says."""

    name = "exact"
    by_merit = False

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._decimal: str = settings.get("decimal", ".")
        self._case_sensitive = bool(settings.get("case_sensitive", False))
        aliases: Mapping[str, str] = settings.get("aliases", {})
        self._aliases = {self._spelt(alias): self._spelt(answer) for alias, answer in aliases.items()}

    def read(self, text: str) -> str:
        """What a text says, in the one spelling that is compared; "" when it says nothing."""
        plain = text.strip()
        date = as_date(plain.rstrip("."))
        spelt = date.isoformat() if date is not None else self._spelt(plain)
        return self._aliases.get(spelt, spelt)

    def _spelt(self, text: str) -> str:
        return " ".join(tokens(text, decimal=self._decimal, case_sensitive=self._case_sensitive))

    async def score(self, answer: str | None, question: Question) -> Score:
        """1 or 0; ungraded when the recorded answer has no words."""
        wanted = self.read(words_of(question.reference) or "")
        if not wanted:
            return Score(None, "the recorded answer has no words")
        got = self.read(words_of(answer) or "")
        if not got:
            return Score(0.0, "no answer")
        return Score(1.0) if got == wanted else Score(0.0, "another answer")
