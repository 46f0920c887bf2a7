"""Two answers held against each other, word by word. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

# A word with the space after it, or a sign alone: so that a comma more is a comma more.
_piece = re.compile(r"\w+\s*|[^\w\s]\s*|\s+")
# Comparing takes time by the square of the words.
MOST_WORDS = 1_500


class Mark(StrEnum):
    """What a piece of text is: in both answers, or in one of them alone."""

    BOTH = "both"
    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words with one mark."""

    mark: Mark
    text: str


def differences(left: str, right: str, *, most: int = MOST_WORDS) -> tuple[Piece, ...]:
    """Both texts as one row of pieces: those marked both and left make up ``left``, both and right ``right``.

    Beyond ``most`` words of either, the rest is one piece of each.
    """
    ours, theirs = _piece.findall(left), _piece.findall(right)
    rest = "".join(ours[most:]), "".join(theirs[most:])
    ours, theirs = ours[:most], theirs[:most]
    found: list[Piece] = []
    matched = SequenceMatcher(None, [p.strip() for p in ours], [p.strip() for p in theirs], autojunk=False)
    for kind, i, j, k, m in matched.get_opcodes():
        if kind == "equal":
            found += _alike(ours[i:j], theirs[k:m])
            continue
        found += [Piece(Mark.LEFT, "".join(ours[i:j]))] if i < j else []
        found += [Piece(Mark.RIGHT, "".join(theirs[k:m]))] if k < m else []
    if rest[0] == rest[1]:
        found += [Piece(Mark.BOTH, rest[0])] if rest[0] else []
    else:
        found += [Piece(mark, text) for mark, text in zip((Mark.LEFT, Mark.RIGHT), rest, strict=True) if text]
    return tuple(found)


def _alike(ours: list[str], theirs: list[str]) -> list[Piece]:
    """Words that are the same, in one piece where the space between them is the same, too."""
    if ours == theirs:
        return [Piece(Mark.BOTH, "".join(ours))]
    found: list[Piece] = []
    for one, other in zip(ours, theirs, strict=True):
        word = one.strip()
        found.append(Piece(Mark.BOTH, word))
        spaces = one.removeprefix(word), other.removeprefix(word)
        if spaces[0] == spaces[1]:
            found.append(Piece(Mark.BOTH, spaces[0]))
        else:
            found += [Piece(mark, text) for mark, text in zip((Mark.LEFT, Mark.RIGHT), spaces, strict=True)]
    return [piece for piece in found if piece.text]


def shortened(pieces: tuple[Piece, ...], around: int = 60) -> tuple[Piece, ...]:
    """The pieces, with what both say at length cut to so many characters beside each difference, " … " between."""
    last = len(pieces) - 1
    return tuple(
        piece if piece.mark is not Mark.BOTH else Piece(Mark.BOTH, _cut(piece.text, around, at == 0, at == last))
        for at, piece in enumerate(pieces)
    )


def _cut(text: str, around: int, first: bool, last: bool) -> str:
    """Its beginning and its end; of the first piece the end alone, of the last one the beginning alone."""
    head, tail = 0 if first and not last else around, 0 if last and not first else around
    if len(text) <= head + tail + around:
        return text
    return f"{text[:head].rstrip()} … {text[len(text) - tail :].lstrip() if tail else ''}"
