"""Numbers in a text: groups of digits, and what several of them in a row may be. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from .checks import IBAN_LENGTHS, is_iban
from .kinds import FORMS, IBAN, IBAN_REST, NUMBERS, Number

# The longest gap between two digits of one number: in "MTLC AST0" of a Maltese IBAN.
_ISLAND = re.compile(r"[0-9](?:[^0-9]{0,12}[0-9]){5,250}")
_MORE = re.compile(r"[^0-9]{0,12}[0-9]")
# What of a number may stand before its first digit and behind its last: letters, brackets, a sign.
_BEFORE, _BEHIND = 9, 24
# The longest number, 34 characters with separators between them.
_OVERLAP = 70
_UUID = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9A-Za-z])")
GROUP = re.compile(r"[0-9]+")
SEPARATORS = frozenset(" ./-")
MOST_GROUPS = 6
_LONGEST = 19

Place = tuple[int, int]
_BY_LENGTH: dict[int, list[Number]] = defaultdict(list)
for _number in NUMBERS:
    for _length in _number.lengths:
        _BY_LENGTH[_length].append(_number)


def without_names(text: str) -> str:
    """The text with its UUIDs crossed out: their digits are nobody's number. As long as it was."""
    return _UUID.sub("x" * 36, text) if "-" in text else text


def islands(text: str) -> Iterator[Place]:
    """Where enough digits stand close together to be a number, with what may belong to it before and behind."""
    at = 0
    while (found := _ISLAND.search(text, at)) is not None:
        yield max(found.start() - _BEFORE, 0), min(found.end() + _BEHIND, len(text))
        # A long one is cut; the next begins early enough that no number is cut with it.
        at = found.end() - _OVERLAP if _MORE.match(text, found.end()) else found.end()


def groups_in(text: str, start: int, end: int) -> list[Place]:
    """The groups of digits between two places. Those that the places cut are left out but at the text's own ends."""
    found = [one.span() for one in GROUP.finditer(text, start, end)]
    if found and start and found[0][0] == start and text[start - 1].isdigit():
        del found[0]
    return found


def numbers(text: str, groups: Sequence[Place], without: frozenset[str]) -> Iterator[tuple[str, Place]]:
    """What has digits alone: each kind, and where it stands."""
    for first, (start, _) in enumerate(groups):
        # Behind the point of a decimal, or in the middle of a number that began before.
        if start > 1 and text[start - 1] in ".," and text[start - 2].isdigit():
            continue
        length = 0
        for place, (begin, end) in enumerate(groups[first : first + MOST_GROUPS]):
            if place and (begin - groups[first + place - 1][1] != 1 or text[begin - 1] not in SEPARATORS):
                break
            length += end - begin
            if length > _LONGEST or (place and end - begin < 2):
                break
            if length in _BY_LENGTH and not text[end : end + 1].isalnum():
                kind = _kind(text, groups[first : first + place + 1], length, without)
                if kind is not None:
                    yield kind, (start, end)


def _kind(text: str, groups: Sequence[Place], length: int, without: frozenset[str]) -> str | None:
    start, end = groups[0][0], groups[-1][1]
    said = text[start:end]
    for number in _BY_LENGTH[length]:
        if number.kind in without:
            continue
        if number.groups and (
            tuple(after - before for before, after in groups) != number.groups or len({*said} & SEPARATORS) > 1
        ):
            continue
        if number.words is not None and not number.words.search(text, max(start - 48, 0), start):
            continue
        if number.check(said):
            return number.kind
    return None


def forms(text: str, start: int, end: int, without: frozenset[str]) -> Iterator[tuple[str, Place]]:
    """What has letters too."""
    for form in FORMS:
        at = start
        while form.kind not in without and (found := form.pattern.search(text, at, end)) is not None:
            good = form.check(found[0])
            at = found.end() if good else found.start() + 1
            if good:
                yield form.kind, found.span()
    if "iban" not in without:
        yield from _ibans(text, start, end)


def _ibans(text: str, start: int, end: int) -> Iterator[tuple[str, Place]]:
    for found in IBAN.finditer(text, start, end):
        rest = IBAN_REST.get(IBAN_LENGTHS.get(found[0][:2].upper(), 0))
        whole = rest.match(text, found.end()) if rest is not None else None
        if whole is not None and is_iban(text[found.start() : whole.end()]):
            yield "iban", (found.start(), whole.end())
