"""Which part of the record is for what: adaptation 40 %, selection 10 %, verdict 50 %.

A copy group goes by the hash of its oldest case, so that a case stays in its split as the record grows and copies never
straddle two. The verdict half is never shown to whoever adapts: best of 20 variants chosen on the same cases gives 24 %
false READY, held out 4.8 % (``specs/verdict.md``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from .cases import Case
from .copies import copy_groups


class Split(StrEnum):
    """A part of the record."""

    ADAPTATION = "adaptation"
    SELECTION = "selection"
    VERDICT = "verdict"


@dataclass(frozen=True, slots=True)
class CopyGroup:
    """Near-duplicates, in order of content; ``key`` is the oldest one's."""

    key: str
    cases: tuple[Case, ...]


def share(*parts: object) -> float:
    """A number in [0, 1) drawn by hash: the same for the same parts, always."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / (1 << 56)


def group_copies(cases: Sequence[Case]) -> list[CopyGroup]:
    """The cases by copy group."""
    oldest_first = sorted(cases, key=lambda case: (case.at, case.order))
    members: dict[int, list[Case]] = {}
    for case, first in zip(oldest_first, copy_groups([case.text for case in oldest_first]), strict=True):
        members.setdefault(first, []).append(case)
    return [CopyGroup(group[0].key, tuple(sorted(group, key=lambda c: c.order))) for group in members.values()]


def split_of(key: str, process: str) -> Split:
    """The split of the copy group with this key."""
    drawn = share("split", process, key)
    return Split.ADAPTATION if drawn < 0.4 else Split.SELECTION if drawn < 0.5 else Split.VERDICT


def split(cases: Sequence[Case], process: str) -> dict[Split, list[CopyGroup]]:
    """Every copy group in its split."""
    found: dict[Split, list[CopyGroup]] = {part: [] for part in Split}
    for group in group_copies(cases):
        found[split_of(group.key, process)].append(group)
    return found
