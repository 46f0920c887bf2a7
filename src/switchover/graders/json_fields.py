"""Agreement of JSON objects, field by field."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from switchover.domain.ports import Question, Score

_FENCE = re.compile(r"```(?:json)?\s*\n?(.*?)```", re.DOTALL | re.IGNORECASE)
# Formats that can be read one way only; 03/04/2026 is two dates and so stays text.
_DATES = ("%d %B %Y", "%d %b %Y", "%B %d %Y", "%b %d %Y", "%Y/%m/%d", "%d.%m.%Y")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b", re.IGNORECASE)


def parse(text: str) -> dict[str, Any] | None:
    """The JSON object that the text is or holds in a fence; None when there is none."""
    fenced = _FENCE.search(text)
    for candidate in (text, fenced[1] if fenced else ""):
        try:
            value = json.loads(candidate.strip(), parse_constant=_refuse)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def fields(value: Any, path: str = "") -> dict[str, Any]:
    """Leaf values by path: ``a.b``, ``list.0``. An absent field and null are the same."""
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = {str(place): item for place, item in enumerate(value)}.items()
    else:
        return {} if value is None else {path: value}
    found: dict[str, Any] = {}
    for key, item in inner:
        found |= fields(item, f"{path}.{key}" if path else str(key))
    return found


def as_date(text: str) -> str | None:
    """A date in ISO form, or None when the text is no unambiguous date."""
    plain = _ORDINAL.sub("", text.replace(",", " ")).strip()
    plain = " ".join(plain.split())
    try:
        return datetime.fromisoformat(plain).isoformat() if "T" in plain else date.fromisoformat(plain).isoformat()
    except ValueError:
        pass
    for form in _DATES:
        try:
            return datetime.strptime(plain, form).date().isoformat()
        except ValueError:
            continue
    return None


def agree(got: Any, wanted: Any, tolerance: float) -> bool:
    """True when two leaf values say the same; ``tolerance`` is a relative difference of numbers."""
    if isinstance(got, bool) or isinstance(wanted, bool):
        return got is wanted
    if isinstance(got, int | float) and isinstance(wanted, int | float):
        try:
            return math.isclose(got, wanted, rel_tol=0.0, abs_tol=tolerance * abs(wanted) + 1e-9)
        except OverflowError:
            return bool(got == wanted)
    if isinstance(got, str) and isinstance(wanted, str):
        day = as_date(wanted)
        return _plain(got) == _plain(wanted) or (day is not None and as_date(got) == day)
    return False


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


class JsonFields:
    """Scores the share of fields on which two objects agree; 0 when a field that must match does not."""

    name = "json_fields"
    by_merit = False

    def __init__(self, must_match: Sequence[str], tolerance: Mapping[str, float]) -> None:
        self._must_match = tuple(must_match)
        self._tolerance = dict(tolerance)

    async def score(self, answer: str | None, question: Question) -> Score:
        """0–1 over the fields of either object; ungraded when the reference is no object with fields."""
        wanted = fields(parse(question.reference or ""))
        if not wanted:
            return Score(None, "the recorded answer is no JSON object with fields")
        parsed = parse(answer) if answer is not None else None
        if parsed is None:
            return Score(0.0, "no answer" if answer is None else "not a JSON object")
        got = fields(parsed)
        differing = [name for name in wanted.keys() | got.keys() if not self._same(name, got, wanted)]
        for name in self._must_match:
            if any(path == name or path.startswith(f"{name}.") for path in differing):
                return Score(0.0, f"{name} differs")
        return Score(1.0 - len(differing) / len(wanted.keys() | got.keys()), _told(differing))

    def _same(self, name: str, got: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
        return agree(got.get(name), wanted.get(name), self._tolerance.get(name, 0.0))


def _told(differing: list[str]) -> str:
    return f"{len(differing)} field(s) differ" if differing else ""
