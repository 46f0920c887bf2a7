"""What callers and models said, shown harmless: text and nothing else, hidden characters made visible, cut at length.

Markdown stays as it was written, so no picture is fetched and no link is one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from markupsafe import Markup, escape

from switchover.report.differing import Mark, Piece, differences
from switchover.report.wording import HIDDEN, harmless_lines

# So much of a text beside others; a page of its own has more, piece by piece.
BESIDE, PART = 2_000, 24_000
# Marks put over one letter, after which more of them would cover what stands around it.
MOST_MARKS = 4
PLAIN = frozenset("\n\t")


@dataclass(frozen=True, slots=True)
class Shown:
    """A text as it goes into a page: ``html``, and how many characters it has in all and beyond what is shown."""

    html: Markup
    length: int
    beyond: int


def whole(text: str) -> Markup:
    """What a person typed, however long, for a field to type on in or to be read with its lines."""
    return escape(harmless_lines(text, len(text)))


def shown(text: str | None, most: int = BESIDE, start: int = 0) -> Shown:
    """A text from its character ``start`` on, at most so many characters; None: there is none."""
    whole = text or ""
    part = whole[start : start + most]
    return Shown(Markup().join(_marked(part)), len(whole), len(whole) - start - len(part))


def side_by_side(left: str | None, right: str | None) -> tuple[Shown, Shown]:
    """Two texts with what only one of them says marked: ``del`` on the left, ``ins`` on the right."""
    if left is None or right is None:
        return shown(left), shown(right)
    pieces = differences(left[:BESIDE], right[:BESIDE])
    return _side(pieces, Mark.LEFT, "del", len(left)), _side(pieces, Mark.RIGHT, "ins", len(right))


def _side(pieces: Iterable[Piece], mark: Mark, tag: str, length: int) -> Shown:
    parts = []
    for piece in pieces:
        if piece.mark in (Mark.BOTH, mark):
            text = Markup().join(_marked(piece.text))
            parts.append(Markup(f"<{tag}>%s</{tag}>") % text if piece.mark is mark else text)  # noqa: S704  # our own tag
    return Shown(Markup().join(parts), length, max(length - BESIDE, 0))


def _marked(text: str) -> Iterator[Markup]:
    """The text escaped, each hidden character as its code point."""
    plain: list[str] = []
    marks = 0
    for character in text:
        kind = unicodedata.category(character)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if marks <= MOST_MARKS and (character in PLAIN or kind not in HIDDEN):
            plain.append(character)
            continue
        yield escape("".join(plain))
        plain.clear()
        name = unicodedata.name(character, "a control character").lower()
        yield Markup('<b class="odd" title="{}">U+{:04X}</b>').format(name, ord(character))
    yield escape("".join(plain))
