"""A text as its digits and letters read, whatever characters write them. Pure.

Digits of any script become ASCII, full-width letters and signs their plain ones, every dash ``-``, every space `` ``.
What is not seen (zero-width characters, marks of direction, soft hyphens, variation selectors) is left out, so that a
number can't be hidden by putting one between its digits.
"""

from __future__ import annotations

import re
import unicodedata

DASHES = frozenset(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63\uff0d"))
# U+FE00 to U+FE0F: variation selectors, which are marks and no format characters.
SELECTORS = range(0xFE00, 0xFE10)
FULL_WIDTH = range(0xFF01, 0xFF5F)
# So much is read at once: other threads wait for it.
PIECE = 16_384
# What most texts have, and what reads as it stands: Latin, Greek and Cyrillic letters, signs, kana, Han and Hangul.
PLAIN = re.compile("[\x00-\x9f\xa1-\xac\xae-\u05ff\u2018-\u201f\u2022\u2026\u20ac\u3041-\u9fff\uac00-\ud7a3]*+")


class _Reads(dict[int, int | str | None]):
    """What each character reads as, learned as they are met; None: nothing."""

    def __missing__(self, code: int) -> int | str | None:
        self[code] = read = _read(code)
        return read


def _read(code: int) -> int | str | None:
    if code < 0x80:
        return code
    if code in DASHES:
        return "-"
    if code in FULL_WIDTH:
        return code - 0xFEE0
    category = unicodedata.category(chr(code))
    if category == "Nd":
        return str(unicodedata.decimal(chr(code)))
    if category == "Zs":
        return " "
    return None if category == "Cf" or code in SELECTORS else code


_READS = _Reads()


def normal(text: str) -> tuple[str, list[int] | None]:
    """The text as it reads, and each of its characters' place in ``text``; None where the places are the same."""
    if text.isascii() or PLAIN.fullmatch(text) is not None:
        return text, None
    pieces = range(0, len(text), PIECE)
    read = "".join([text[at : at + PIECE].translate(_READS) for at in pieces])
    if len(read) == len(text):
        return read, None
    return read, [place for place, character in enumerate(text) if _READS[ord(character)] is not None]
