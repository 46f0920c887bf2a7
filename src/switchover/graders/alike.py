"""How far two texts are the same, by their words or by their characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def token_f1(got: Sequence[str], wanted: Sequence[str]) -> float:
    """Harmonic mean of precision and recall over words, each counted as often as it occurs; as SQuAD scores."""
    shared = (Counter(got) & Counter(wanted)).total()
    return 2 * shared / (len(got) + len(wanted)) if got or wanted else 1.0


def edit_ratio(got: str, wanted: str) -> float:
    """1 − insertions and deletions needed / characters of both; 2·LCS / (m + n).

    The longest common subsequence is found a whole row at a time in the bits of one integer (Hyyrö, "Bit-parallel LCS-
    length computation revisited", 2004).
    """
    if len(got) < len(wanted):
        got, wanted = wanted, got
    if not got:
        return 1.0
    where: dict[str, int] = {}
    for place, character in enumerate(wanted):
        where[character] = where.get(character, 0) | 1 << place
    full = (1 << len(wanted)) - 1
    row = full
    for character in got:
        matches = where.get(character, 0)
        if matches:
            shared = row & matches
            row = ((row + shared) | (row - shared)) & full
    return 2 * (len(wanted) - row.bit_count()) / (len(got) + len(wanted))
