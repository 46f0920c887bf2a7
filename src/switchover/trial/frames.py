"""Frames: what an application puts around its users' words, so that a changed prompt is told from a new question.

A request's frame is its system and developer messages, its tools and the form asked of the answer. Applications write
names, dates and documents into them; so a frame is known by its *standing* pieces alone: runs of three words that many
requests share, digits aside. A request's frame is known when most of its standing pieces are, and it has most of the
core of some known one: neither a document that is often quoted nor a name makes another frame, another instruction
does, and so does one that is gone. What was measured is in ``docs/design/watch.md``.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from .copies import ALIKE, normalise

WORDS = 3
# A piece stands when so many requests have it, and so large a share of them: a document that some requests quote is
# none of the application's own words.
FEWEST, SHARE = 5, 0.10
# The core of a request: pieces that are at least half as common as its most common one.
CORE = 0.5
FRAMING = frozenset({"system", "developer"})
FORMS = ("tools", "functions", "response_format")

Pieces = frozenset[int]


def pieces(request: Mapping[str, Any]) -> Pieces:
    """The frame of an OpenAI chat request as hashed runs of three words; empty where it has none."""
    words = normalise("\n".join(_texts(request))).split()
    runs = (words[at : at + WORDS] for at in range(max(len(words) - WORDS, 0) + 1))
    return frozenset(zlib.crc32(" ".join(run).encode()) for run in runs if run)


def _texts(request: Mapping[str, Any]) -> Iterable[str]:
    for message in request.get("messages") or ():
        if isinstance(message, Mapping) and message.get("role") in FRAMING:
            content = message.get("content")
            parts = [content] if isinstance(content, str) else content if isinstance(content, Sequence) else []
            yield from (part if isinstance(part, str) else str(part.get("text") or "") for part in parts)
    for name in FORMS:
        if request.get(name):
            yield msgspec.json.encode(request[name], order="sorted").decode()


def unknown(newest: Sequence[Pieces], known: Sequence[Pieces]) -> list[bool]:
    """For each of the newest requests, whether it bears a frame that none of the known ones bears."""
    before = _standing(known)
    stands = before.keys() | _standing(newest).keys()
    cores = {_core(one, before) for one in known}
    found: dict[Pieces, bool] = {}
    for one in newest:
        frame = one & stands
        if frame not in found:
            told = _share(frame, before.keys())
            found[frame] = told < ALIKE or not any(_bears(frame, core) for core in cores)
    return [found[one & stands] for one in newest]


def _standing(many: Sequence[Pieces]) -> dict[int, int]:
    """The pieces that are the application's own words, with how many of the requests have each."""
    counted = Counter(piece for one in many for piece in one)
    least = max(FEWEST, SHARE * len(many))
    return {piece: count for piece, count in counted.items() if count >= least}


def _core(one: Pieces, stands: Mapping[int, int]) -> Pieces:
    most = max((stands.get(piece, 0) for piece in one), default=0)
    return frozenset(piece for piece in one if stands.get(piece, 0) >= max(most * CORE, 1))


def _bears(frame: Pieces, core: Pieces) -> bool:
    return bool(frame) == bool(core) and _share(core, frame) >= ALIKE


def _share(part: Pieces, whole: Collection[int]) -> float:
    """How much of ``part`` is in ``whole``; all of it where there is none."""
    return sum(piece in whole for piece in part) / len(part) if part else 1.0
