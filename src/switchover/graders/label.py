"""Agreement of labels from a closed set, under other spellings and inside a short sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from switchover.domain.answer import words_of
from switchover.domain.ports import Question, Score

from .words import normalise

# A label with a few words around it is an answer; a paragraph that mentions one is not.
LONGEST_SENTENCE = 12
_NEGATIONS = frozenset({"not", "no", "neither", "nor", "niet", "geen", "nicht", "kein", "keine"})


class Label:
    """Scores 1 when both answers name the same label, else 0."""

    name = "label"
    by_merit = False

    def __init__(self, labels: Sequence[str], aliases: Mapping[str, str]) -> None:
        self._known = {normalise(label): normalise(label) for label in labels}
        self._known |= {normalise(alias): normalise(label) for alias, label in aliases.items()}
        longest_first = sorted(self._known, key=len, reverse=True)
        self._anywhere = re.compile(r"\b(?:" + "|".join(map(re.escape, longest_first)) + r")\b")

    def read(self, text: str) -> str | None:
        """The one label that the text gives, or None."""
        plain = normalise(text)
        if not self._known:
            return plain or None
        if plain in self._known:
            return self._known[plain]
        words = plain.split()
        if len(words) > LONGEST_SENTENCE or _NEGATIONS.intersection(words):
            return None
        found = {self._known[name] for name in self._anywhere.findall(plain)}
        return found.pop() if len(found) == 1 else None

    async def score(self, answer: str | None, question: Question) -> Score:
        """1 or 0; ungraded when the reference gives no label."""
        wanted = self.read(words_of(question.reference) or "")
        if wanted is None:
            return Score(None, "the recorded answer gives no label of the set")
        got = self.read(words_of(answer) or "")
        if got is None:
            return Score(0.0, "no answer" if answer is None else "gives no single label of the set")
        return Score(1.0) if got == wanted else Score(0.0, "another label")
