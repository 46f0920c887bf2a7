"""Agreement of extracted or written text by its words (token F1) or its characters (edit ratio)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from switchover.domain.answer import words_of
from switchover.domain.ports import Question, Score

from .alike import edit_ratio, token_f1
from .words import tokens

# Words that SQuAD leaves out (Rajpurkar et al., arXiv 1606.05250, its evaluation script) and MLQA's of other languages
# (Lewis et al., arXiv 1910.07475); a language without articles has none.
_ARTICLES = {
    "en": "a an the",
    "nl": "de het een",
    "de": "ein eine einen einem einer eines der die das den dem des",
    "fr": "le la les l un une des du",
    "es": "un una unos unas el la los las",
    "it": "il lo la i gli le l un uno una",
    "pt": "o a os as um uma uns umas",
}
ARTICLES = {language: frozenset(words.split()) for language, words in _ARTICLES.items()}
# Comparing characters takes their product; at these bounds some 50 ms.
LONGEST, LONGEST_ANSWER = 10_000, 30_000


class Text:
    """Scores 0–1 by how far two texts are the same; with ``accept``, 1 from there on and 0 below."""

    name = "text"
    by_merit = False

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._by_words = settings.get("measure", "f1") == "f1"
        self._accept: float | None = settings.get("accept")
        self._decimal: str = settings.get("decimal", ".")
        self._articles = ARTICLES.get(settings.get("language", "en"), frozenset())

    async def score(self, answer: str | None, question: Question) -> Score:
        """Ungraded when the recorded answer has no words, or too many to compare their characters."""
        wanted, got = self._read(question.reference), self._read(answer)
        if not wanted:
            return Score(None, "the recorded answer has no words")
        if not got:
            return Score(0.0, "no answer")
        if self._by_words:
            return self._judged(token_f1(got, wanted))
        here, there = " ".join(got), " ".join(wanted)
        if len(there) > LONGEST:
            return Score(None, f"the recorded answer is longer than {LONGEST} characters; compare words")
        if len(here) > LONGEST_ANSWER:
            return Score(0.0, f"longer than {LONGEST_ANSWER} characters")
        return self._judged(edit_ratio(here, there))

    def _read(self, text: str | None) -> list[str]:
        found = tokens(words_of(text) or "", decimal=self._decimal)
        # A text of nothing but articles says them.
        return [word for word in found if word not in self._articles] or found

    def _judged(self, value: float) -> Score:
        if self._accept is None:
            return Score(value)
        return Score(1.0) if value >= self._accept else Score(0.0, f"{value:.2f} alike, {self._accept:g} are accepted")
