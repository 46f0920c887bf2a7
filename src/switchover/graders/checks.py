"""Checks without a recorded answer: refusal, language, length, format, quotations; a grader, or a gate before one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

from switchover.domain.answer import calls_tools, words_of
from switchover.domain.figures import figure
from switchover.domain.ports import Question, Score

from .fields import parse
from .language import language_of
from .refusals import refuses
from .schema import Schema, pattern
from .source import all_of, last_of
from .words import normalise

# Says what is wrong with an answer's words, without quoting them; "" when nothing is.
Check = Callable[[str, Question], str]
# The language of what was asked.
OF_REQUEST = "request"
_QUOTED = re.compile(
    r'"([^"]+)"|\u201c([^\u201c\u201d]+)[\u201d\u201c]|\u201e([^\u201e\u201c\u201d]+)[\u201c\u201d]'
    r"|\u00ab([^\u00ab\u00bb]+)\u00bb"
)
# A quotation that leaves something out.
_LEFT_OUT = re.compile(r"\[?(?:\u2026|\.\.\.)\]?")
# Shorter ones are names and terms rather than quotations, and more of them than an answer has are not looked up.
FEWEST_QUOTED_WORDS, MOST_QUOTED = 3, 100
_ITEM = re.compile(r"(?:[-*+]|\d{1,3}[.)])\s+\S")


class Checks:
    """Scores 1 when an answer passes every check, else 0; the recorded answer is held to the same."""

    name = "checks"
    by_merit = True

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._failed = Gate(settings)

    async def score(self, answer: str | None, question: Question) -> Score:
        """1 or 0; ungraded where a check can't be made."""
        if self._failed.impossible:
            return Score(None, self._failed.impossible)
        failed = "no answer" if answer is None else self._failed.why(answer, question)
        return Score(0.0, failed) if failed else Score(1.0)


class Gate:
    """The checks that settings ask for, together. ``impossible`` says why they can't be made, "" when they can."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.impossible = ""
        self._checks: list[Check] = []
        try:
            self._checks = list(_checks(settings))
        except ValueError as cause:
            # The configuration refuses these; a proof kept from elsewhere, or a caller of ours, may bring one.
            self.impossible = f"a check can't be made: {cause}"

    def __bool__(self) -> bool:
        return bool(self._checks or self.impossible)

    def why(self, answer: str, question: Question) -> str:
        """What the answer fails first; "" when it passes. One that only calls tools has no words to check."""
        words = words_of(answer)
        if not words and calls_tools(answer):
            return ""
        return next((failed for check in self._checks if (failed := check(words or "", question))), "")


def _checks(settings: Mapping[str, Any]) -> Iterator[Check]:
    """In order: form first, as it costs least to tell. Raises ValueError for a schema or pattern that is invalid."""
    asked: Mapping[str, Any] = settings.get("checks", {})
    if "schema" in settings:
        yield _keeps(Schema(settings["schema"]))
    if "format" in asked:
        yield FORMATS[asked["format"]]
    if "pattern" in asked:
        found = pattern(asked["pattern"])
        yield lambda words, _: "does not match the pattern" if found.broken(words) else ""
    if "length" in asked:
        yield _length(asked["length"])
    if asked.get("no_refusal"):
        yield lambda words, _: "refuses" if refuses(words) else ""
    if "language" in asked:
        yield _language(asked["language"])
    if asked.get("quotes_from_request"):
        yield _quotes


def _keeps(schema: Schema) -> Check:
    def check(words: str, question: Question) -> str:
        value = parse(words)
        return "not JSON" if value is None else schema.broken(value)

    return check


def _json(words: str, _: Question) -> str:
    try:
        msgspec.json.decode(words)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return "not JSON"
    return ""


def _one_line(words: str, _: Question) -> str:
    return "more than one line" if len(words.strip().splitlines()) != 1 else ""


def _markdown_list(words: str, _: Question) -> str:
    lines = [line for line in words.splitlines() if line.strip()]
    # What is indented goes on with an item.
    items = all(_ITEM.match(line) or line[:1].isspace() for line in lines)
    return "" if lines and items and _ITEM.match(lines[0]) else "not a list"


def _iso_date(words: str, _: Question) -> str:
    plain = words.strip()
    try:
        date.fromisoformat(plain)
    except ValueError:
        return "not an ISO date"
    return "" if len(plain) == len("2026-09-14") else "not an ISO date"


FORMATS: dict[str, Check] = {
    "json": _json,
    "one-line": _one_line,
    "markdown-list": _markdown_list,
    "iso-date": _iso_date,
}


def _length(bounds: Mapping[str, float]) -> Check:
    def check(words: str, question: Question) -> str:
        measured: dict[str, float] = {"words": len(words.split()), "characters": len(words.strip())}
        if "least_ratio" in bounds or "most_ratio" in bounds:
            # Of one word at least: nothing is in proportion to a request without words.
            measured["ratio"] = measured["words"] / max(1, len(last_of(question.request).split()))
        for what, value in measured.items():
            if value < bounds.get(f"least_{what}", 0):
                return f"too short: {figure(value)} {_UNITS[what]}"
            if value > bounds.get(f"most_{what}", value):
                return f"too long: {figure(value)} {_UNITS[what]}"
        return ""

    return check


_UNITS = {"words": "words", "characters": "characters", "ratio": "times the request's words"}


def _language(wanted: str) -> Check:
    def check(words: str, question: Question) -> str:
        asked = language_of(last_of(question.request)) if wanted == OF_REQUEST else wanted
        found = language_of(words)
        # Where either can't be told nothing is held against the answer.
        return f"in {found}, not {asked}" if asked and found and found != asked else ""

    return check


def _quotes(words: str, question: Question) -> str:
    quoted = [
        piece for match in _QUOTED.finditer(words) for piece in _LEFT_OUT.split("".join(filter(None, match.groups())))
    ]
    spans = [span for piece in quoted if len((span := normalise(piece)).split()) >= FEWEST_QUOTED_WORDS]
    if not spans:
        return ""
    source = f" {normalise(all_of(question.request))} "
    missing = sum(f" {span} " not in source for span in spans[:MOST_QUOTED])
    return f"{missing} quotation(s) are not in the request" if missing else ""
