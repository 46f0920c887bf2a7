"""What two plain values have in common: numbers and dates within a tolerance, text under another spelling."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

# Longer text is no date, and is not searched for one.
LONGEST_DATE = 40
_MONTHS = (
    # English, Dutch, German, French; as far as they differ.
    ("january", "januari", "januar", "jänner", "janvier", "jan"),
    ("february", "februari", "februar", "février", "feb", "fév", "févr"),
    ("march", "maart", "märz", "mars", "mar", "mrt", "mär"),
    ("april", "avril", "apr", "avr"),
    ("may", "mei", "mai"),
    ("june", "juni", "juin", "jun"),
    ("july", "juli", "juillet", "jul", "juil"),
    ("august", "augustus", "août", "aug"),
    ("september", "septembre", "sep", "sept"),
    ("october", "oktober", "octobre", "oct", "okt"),
    ("november", "novembre", "nov"),
    ("december", "dezember", "décembre", "dec", "dez", "déc"),
)
_MONTH = {name: number for number, names in enumerate(_MONTHS, 1) for name in names}
_ORDINAL = r"(?:st|nd|rd|th|er|e|\.)?"
# Forms that can be read one way only; 03/04/2026 is two dates and so stays text.
_DAY_FIRST = re.compile(rf"(\d{{1,2}}){_ORDINAL} (?:of |de )?([^\W\d_]+)\.? (\d{{4}})")
_MONTH_FIRST = re.compile(rf"([^\W\d_]+)\.? (\d{{1,2}}){_ORDINAL} (\d{{4}})")
_YEAR_FIRST = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What may lie between two values: ``relative`` is a share of the recorded number, ``days`` is between dates."""

    relative: float = 0.0
    absolute: float = 0.0
    days: float = 0.0

    @classmethod
    def of(cls, setting: Any) -> Tolerance:
        """A setting as it stands in the configuration: a share alone, or what is accepted by kind."""
        return cls(**setting) if isinstance(setting, Mapping) else cls(relative=float(setting))


EXACT = Tolerance()
_NOISE = 1e-9


def as_date(text: str) -> date | datetime | None:
    """The day or moment that a text names, or None when it is none that can be read one way only."""
    if len(text) > LONGEST_DATE or not any(c.isdecimal() for c in text):
        return None
    plain = " ".join(text.replace(",", " ").split())
    try:
        return datetime.fromisoformat(plain) if "T" in plain else date.fromisoformat(plain)
    except ValueError:
        return _spelt(plain.casefold())


def _spelt(plain: str) -> date | None:
    if match := _DAY_FIRST.fullmatch(plain):
        day, month, year = match[1], _MONTH.get(match[2]), match[3]
    elif match := _MONTH_FIRST.fullmatch(plain):
        day, month, year = match[2], _MONTH.get(match[1]), match[3]
    elif match := _YEAR_FIRST.fullmatch(plain):
        day, month, year = match[3], int(match[2]), match[1]
    elif match := _DOTTED.fullmatch(plain):
        day, month, year = match[1], int(match[2]), match[3]
    else:
        return None
    try:
        return date(int(year), month or 0, int(day))
    except ValueError:
        return None


def folded(text: str) -> str:
    """Case, spacing and the encoding of characters aside."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def agree(got: Any, wanted: Any, tolerance: Tolerance = EXACT) -> bool:
    """True when two values, neither objects nor lists, say the same."""
    if isinstance(got, bool) or isinstance(wanted, bool):
        return got is wanted
    if isinstance(got, int | float) and isinstance(wanted, int | float):
        return _near(got, wanted, tolerance)
    if isinstance(got, str) and isinstance(wanted, str):
        return got == wanted or folded(got) == folded(wanted) or _same_day(got, wanted, tolerance)
    return False


def _near(got: float, wanted: float, tolerance: Tolerance) -> bool:
    try:
        within = max(tolerance.relative * abs(wanted), tolerance.absolute)
        # Whole numbers are subtracted as they are: as floats, two ids of 17 digits would be one.
        return abs(got - wanted) <= within + _NOISE
    except OverflowError:
        return bool(got == wanted)


def _same_day(got: str, wanted: str, tolerance: Tolerance) -> bool:
    there = as_date(wanted)
    here = as_date(got) if there is not None else None
    if there is None or here is None:
        return False
    if not tolerance.days:
        return type(here) is type(there) and here == there
    apart = _days(here), _days(there)
    # A moment with a time zone and one without are hours apart at most, and nobody knows how many.
    return abs(apart[0] - apart[1]) <= tolerance.days + 1e-9


def _days(moment: date | datetime) -> float:
    if not isinstance(moment, datetime):
        return float(moment.toordinal())
    try:
        plain = moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        plain = moment.replace(tzinfo=None)
    return plain.toordinal() + (plain.hour * 3600 + plain.minute * 60 + plain.second) / 86_400
