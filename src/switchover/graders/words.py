"""Text as words: spelling that says nothing aside, numbers as numbers. Shared by the graders that compare words."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, InvalidOperation

_APART = re.compile(r"[\W_]+")
# A number with its sign, a word, or a sign that says something: 5 % is not 5, and € 5 is not $ 5.
_TOKEN = re.compile(r"(?<![\w.,-])[-+\u2212]?[.,]?\d+(?:[.,'\u2019]\d+)*(?!\w)|[^\W_]+|[%‰°]|[$€£¥]")
_GROUPS = re.compile(r"[.,'\u2019]")
# Longer runs of digits are identifiers; a Decimal keeps 28 of them.
LONGEST_NUMBER = 25


def normalise(text: str) -> str:
    """Case, accents' encoding, punctuation and spacing aside."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_APART.sub(" ", folded).split())


def tokens(text: str, *, decimal: str = ".", case_sensitive: bool = False) -> list[str]:
    """The words, numbers and signs of a text; numbers in one spelling, read with ``decimal`` as their decimal mark."""
    plain = unicodedata.normalize("NFKC", text)
    if not case_sensitive:
        plain = plain.casefold()
    return [_spelling(token, decimal) if token[-1:].isdecimal() else token for token in _TOKEN.findall(plain)]


def _spelling(token: str, decimal: str) -> str:
    number = as_number(token, decimal)
    return token if number is None else format(number, "f")


def as_number(text: str, decimal: str = ".") -> Decimal | None:
    """``1,450.00`` as 1450; None for what is no number in this notation, and for digits that begin with a zero.

    The other mark or an apostrophe separates groups of three. 007 is a name, not seven.
    """
    plain = text.replace("\u2212", "-").lstrip("+")
    if len(plain) > LONGEST_NUMBER:
        return None
    whole, mark, part = plain.partition(decimal)
    sign, digits = ("-", whole[1:]) if whole[:1] == "-" else ("", whole)
    digits = digits or ("0" if part else "")
    first, *groups = _GROUPS.split(digits)
    if groups and (not 1 <= len(first) <= 3 or any(len(group) != 3 for group in groups)):
        return None
    digits = first + "".join(groups)
    if not digits.isdecimal() or (mark and not part.isdecimal()) or (len(digits) > 1 and digits[0] == "0"):
        return None
    try:
        number = Decimal(f"{sign}{digits}.{part or 0}").normalize()
    except InvalidOperation:
        return None
    return abs(number) if number == 0 else number
