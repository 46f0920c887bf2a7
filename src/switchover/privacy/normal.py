"""A text as its digits and letters read, whatever characters write them. Pure.

Digits of any script become ASCII, full-width letters and signs their plain ones, every dash ``-``, every space `` ``.
What is not seen (zero-width characters, marks of direction, soft hyphens, variation selectors) is left out, so that a
number can't be hidden by putting one between its digits.
"""

from __future__ import annotations

import sys
import unicodedata
from functools import cache

DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63\uff0d"
# U+FE00 to U+FE0F: variation selectors, which are marks and no format characters.
SELECTORS = range(0xFE00, 0xFE10)
FULL_WIDTH = range(0xFF01, 0xFF5F)


@cache
def _table() -> dict[int, str | None]:
    found: dict[int, str | None] = dict.fromkeys(SELECTORS)
    for code in range(0x80, sys.maxunicode + 1):
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Nd":
            found[code] = str(unicodedata.decimal(character))
        elif category == "Zs":
            found[code] = " "
        elif category == "Cf":
            found[code] = None
    found |= {code: chr(code - 0xFEE0) for code in FULL_WIDTH}
    found |= {ord(dash): "-" for dash in DASHES}
    return found


def normal(text: str) -> tuple[str, list[int] | None]:
    """The text as it reads, and each of its characters' place in ``text``; None where the places are the same."""
    if text.isascii():
        return text, None
    table = _table()
    read = text.translate(table)
    if len(read) == len(text):
        return read, None
    return read, [place for place, character in enumerate(text) if table.get(ord(character), "") is not None]
