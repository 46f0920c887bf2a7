"""Two answers held against each other, word by word. Pure.

Words that come once in both texts hold them together (patience diff, B. Cohen); what lies between is compared where it
is short. So the time grows with the length, whatever a model wrote; what is left over is told as different.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

# A word with the space after it, or a sign alone: so that a comma more is a comma more.
_piece = re.compile(r"\w+\s*|[^\w\s]\s*|\s+")
MOST_WORDS = 1_500
# Of a stretch that nothing holds together so many words are compared with those at the same place; to compare all with
# all takes time by the cube of the words, at worst.
_STEP = 32
_DEPTH = 8


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
    i = k = 0
    for j, m, many in _joined([p.strip() for p in ours], [p.strip() for p in theirs]):
        found += [Piece(Mark.LEFT, "".join(ours[i:j]))] if i < j else []
        found += [Piece(Mark.RIGHT, "".join(theirs[k:m]))] if k < m else []
        i, k = j + many, m + many
        found += _alike(ours[j:i], theirs[m:k]) if many else []
    if rest[0] == rest[1]:
        found += [Piece(Mark.BOTH, rest[0])] if rest[0] else []
    else:
        found += [Piece(mark, text) for mark, text in zip((Mark.LEFT, Mark.RIGHT), rest, strict=True) if text]
    return tuple(found)


def _joined(ours: Sequence[str], theirs: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Runs that are the same in both, as (place, place, length), each as long as can be; the last one is empty."""
    i = k = many = 0
    for j, m, more in _runs(ours, theirs, (0, len(ours)), (0, len(theirs)), _DEPTH):
        if (j, m) == (i + many, k + many):
            many += more
            continue
        if many:
            yield i, k, many
        i, k, many = j, m, more
    if many:
        yield i, k, many
    yield len(ours), len(theirs), 0


def _runs(
    ours: Sequence[str], theirs: Sequence[str], left: tuple[int, int], right: tuple[int, int], depth: int
) -> Iterator[tuple[int, int, int]]:
    """The same of a stretch of each, piece by piece."""
    (i, j), (k, m) = left, right
    while i < j and k < m and ours[i] == theirs[k]:
        yield i, k, 1
        i, k = i + 1, k + 1
    end = 0
    while i < j - end and k < m - end and ours[j - end - 1] == theirs[m - end - 1]:
        end += 1
    j, m = j - end, m - end
    if (j - i) * (m - k) <= _STEP * _STEP:
        for place, other, many in SequenceMatcher(None, ours[i:j], theirs[k:m], autojunk=False).get_matching_blocks():
            if many:
                yield i + place, k + other, many
    elif depth and (held := _held(ours[i:j], theirs[k:m])):
        begin, other_begin = i, k
        for place, other in [*held, (j - i, m - k)]:
            # Such a word is where the next stretch begins.
            yield from _runs(ours, theirs, (i, begin + place), (k, other_begin + other), depth - 1)
            i, k = begin + place, other_begin + other
    else:
        for at in range(0, max(j - i, m - k), _STEP):
            windows = (min(i + at, j), min(i + at + _STEP, j)), (min(k + at, m), min(k + at + _STEP, m))
            yield from _runs(ours, theirs, *windows, depth)
    if end:
        yield j, m, end


def _held(ours: Sequence[str], theirs: Sequence[str]) -> list[tuple[int, int]]:
    """Places of words that come once in each, as many as keep their order in both."""
    once, other_once = Counter(ours), Counter(theirs)
    places = {word: place for place, word in enumerate(theirs) if other_once[word] == 1}
    pairs = [(place, places[word]) for place, word in enumerate(ours) if once[word] == 1 and word in places]
    # The longest rising subsequence: of each length the one that ends lowest.
    ends: list[int] = []
    chains: list[tuple[int, int, int]] = []
    last: list[int] = []
    for at, (place, other) in enumerate(pairs):
        length = bisect_left(ends, other)
        chains.append((place, other, last[length - 1] if length else -1))
        ends[length : length + 1], last[length : length + 1] = [other], [at]
    found: list[tuple[int, int]] = []
    at = last[-1] if last else -1
    while at >= 0:
        place, other, at = chains[at]
        found.append((place, other))
    return found[::-1]


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
