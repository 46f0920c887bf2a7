"""Phone numbers, by Google's metadata of every country's numbering plan (``phonenumbers``).

It takes 7 MB and a tenth of a second to load, so that happens once something looks like a number. Its own matcher takes
3 ms for a kilobyte of text and its check 30 µs for a number; here a narrow pattern proposes, and the metadata's own
patterns, one per country, dispose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from .numbers import Place

_DATE = re.compile(
    r"(?:19|20)[0-9]{2}([-./ ])[01]?[0-9]\1[0-3]?[0-9]|[0-3]?[0-9]([-./])[0-3]?[0-9]\2(?:19|20)?[0-9]{2}(?![0-9./-])"
)
# So that a number of ten digits that merely stands there is no American phone number.
_WORDS = re.compile(r"(?i:tel|phone|call|mobile|cell|fax|sms|text|whatsapp)[^0-9]{0,16}\Z")
# A plus, perhaps with a space or a bracket between it and the first digit.
_SIGN = re.compile(r"\+[ (]?\Z")
_GAP = re.compile(r"[ ./()-]{1,3}")
_FEWEST, _MOST = 7, 16
_MOST_GROUPS = 7
# As its numbers are grouped in North America, whose plan accepts nearly any ten digits.
_NORTH_AMERICAN = ([3, 3, 4], [3, 7], [1, 3, 3, 4], [1, 3, 7])
_TYPES = ("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "uan")


@dataclass(frozen=True, slots=True)
class _Plan:
    """One country's numbers: what they are without the ``trunk`` digit that is dialled before them at home."""

    code: int
    trunk: str
    numbers: re.Pattern[str]

    def has(self, number: str) -> bool:
        """Whether it is a number here, with or without its trunk digit."""
        return self.numbers.fullmatch(number) is not None or (
            bool(self.trunk)
            and number.startswith(self.trunk)
            and self.numbers.fullmatch(number[len(self.trunk) :]) is not None
        )


@cache
def _plan(country: str) -> _Plan | None:
    from phonenumbers import PhoneMetadata

    known = PhoneMetadata.metadata_for_region(country, None)
    if known is None:
        return None
    patterns = [kind.national_number_pattern for name in _TYPES if (kind := getattr(known, name)) is not None]
    either = "|".join(f"(?:{pattern})" for pattern in patterns if pattern)
    return _Plan(known.country_code or 0, known.national_prefix or "", re.compile(either or r"(?!)"))


@cache
def _countries_of(code: str) -> tuple[str, ...]:
    """The countries that share a calling code."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    found: tuple[str, ...] = COUNTRY_CODE_TO_REGION_CODE.get(int(code), ())
    return found


def warm(countries: Sequence[str]) -> None:
    """Loads what is needed, before a request waits for it."""
    for country in countries:
        _plan(country)
    _countries_of("31")


def phones(text: str, groups: Sequence[Place], countries: Sequence[str]) -> Iterator[Place]:
    """Where phone numbers stand in ``text``, by its groups of digits.

    Those of any country are known with its code, those of ``countries`` without.
    """
    at = 0
    while at < len(groups):
        start = groups[at][0]
        sign = _SIGN.search(text, max(start - 3, 0), start)
        taken = 0
        if sign is not None or not _is_inside(text, start):
            taken = _taken(text, groups[at : at + _MOST_GROUPS], sign is not None, countries)
        if taken:
            opened = start - 1 if text[max(start - 1, 0) : start] == "(" else start
            yield sign.start() if sign else opened, groups[at + taken - 1][1]
        at += taken or 1


def _is_inside(text: str, start: int) -> bool:
    """Whether what begins here goes on with something: a word, or a decimal."""
    before, further = text[max(start - 1, 0) : start], text[max(start - 2, 0) : start - 1]
    return before.isalnum() or (before in (".", ",") and further.isdigit())


def _taken(text: str, groups: Sequence[Place], signed: bool, countries: Sequence[str]) -> int:
    """How many of these groups are a phone number, the most that can be; those behind may be something else."""
    together = 1
    while together < len(groups) and _GAP.fullmatch(text, groups[together - 1][1], groups[together][0]):
        together += 1
    written = [text[start:end] for start, end in groups[:together]]
    before = text[max(groups[0][0] - 24, 0) : groups[0][0]]
    for count in range(together, 0, -1):
        length = sum(map(len, written[:count]))
        if length < _FEWEST:
            return 0
        end = groups[count - 1][1]
        if length <= _MOST and not text[end : end + 1].isalnum():
            said = text[groups[0][0] : end]
            if _is_phone(said, written[:count], signed, before, countries):
                return count
    return 0


def _is_phone(said: str, groups: Sequence[str], signed: bool, before: str, countries: Sequence[str]) -> bool:
    number = "".join(groups)
    if signed:
        return _is_international(number)
    # The first group may be one digit: a trunk's.
    if any(len(group) < 2 for group in groups[1:]) or _DATE.match(said):
        return False
    if number.startswith("00") and _is_international(number[2:]):
        return True
    return any(_is_national(number, groups, before, country) for country in countries)


def _is_national(number: str, groups: Sequence[str], before: str, country: str) -> bool:
    plan = _plan(country)
    if plan is None:
        return False
    if plan.trunk == "0":
        return number.startswith("0") and plan.has(number)
    if plan.code == 1 and [*map(len, groups)] not in _NORTH_AMERICAN and not _WORDS.search(before):
        return False
    return (len(groups) > 1 or _WORDS.search(before) is not None) and plan.has(number)


def _is_international(number: str) -> bool:
    for digits in (1, 2, 3):
        for country in _countries_of(number[:digits]):
            plan = _plan(country)
            if plan is not None and plan.has(number[digits:]):
                return True
    return False
