"""Which cases people look at, in which order, how each pair is shown, and how far two people agree. Pure.

A case is drawn for people by a hash of its cell and its request: before anybody looks, the same however often and
with whatever seed it is rehearsed. Cases count in the order in which they were graded, up to the first one that was
drawn and has no label: a later case that was not drawn would bring its judge's word without the check that its drawn
neighbour owes, and the judge's bias with it. Within a block of eight, a rehearsal's round, in whose order the network
has its say, the order is drawn by hash.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from switchover.domain.candidate import ScoredCase
from switchover.domain.label import Agreement, Label
from switchover.graders.human import WAITING

from .grade import IDENTICAL
from .split import share

BLOCK = 8
# So many of the pairs that one person labelled are shown to a second one.
TWICE = 0.20


@dataclass(frozen=True, slots=True)
class Drawing:
    """Which cases of a cell are drawn for people: each with the chance ``share``.

    ``keys`` names each exchange's request by its id; what is not on record any more is in none of it, drawn or not.
    """

    cell_id: str
    share: float
    keys: Mapping[str, str]

    def is_drawn(self, row: ScoredCase) -> bool:
        """Whether people are to look at it: settled by the cell and the request."""
        return share("people", self.cell_id, self.keys[row.exchange_id]) < self.share

    def is_shown(self, row: ScoredCase) -> bool:
        """Whether a person has to.

        Not where both answers are the same, as d is 0 then whoever looks; nor where the judge could not grade.
        """
        is_graded = row.candidate is not None or row.reason == WAITING
        # What a judge was asked about is looked at, whatever it says: the reason is a judge's own words, too.
        is_same = row.reason == IDENTICAL and not row.judge_calls
        return is_graded and not is_same and self.is_drawn(row)

    def in_order(self, rows: Sequence[ScoredCase]) -> list[ScoredCase]:
        """The rows that are still on record as they count; ``rows`` is in order of grading."""
        ordered: list[ScoredCase] = []
        for at in range(0, len(rows), BLOCK):
            block = [row for row in rows[at : at + BLOCK] if row.exchange_id in self.keys]
            ordered += sorted(block, key=lambda row: share("order", self.cell_id, row.exchange_id))
        return ordered


def in_time(labels: Iterable[Label]) -> dict[tuple[str, float], Label]:
    """The label that counts, the first one, by exchange id and the moment its answers were graded."""
    found: dict[tuple[str, float], Label] = {}
    for label in sorted(labels, key=lambda label: (label.at, label.person)):
        found.setdefault((label.exchange_id, label.case_at), label)
    return found


def first_labels(labels: Iterable[Label], rows: Iterable[ScoredCase]) -> dict[str, Label]:
    """The label that counts of each case, by exchange id: the first one of its answers as they are."""
    found = in_time(labels)
    return {row.exchange_id: found[key] for row in rows if (key := (row.exchange_id, row.graded_at)) in found}


def queue(drawing: Drawing, rows: Sequence[ScoredCase], labels: Sequence[Label], person: str) -> list[ScoredCase]:
    """What this person is to look at next, first things first.

    First what has no label, block by block, in each block in an order of this person's own, so that two who work at
    once seldom meet; then the share of pairs that one other person labelled and a second one is to see.
    """
    first = first_labels(labels, rows)
    shown = [row for row in drawing.in_order(rows) if drawing.is_shown(row)]
    blocks = {row.exchange_id: at // BLOCK for at, row in enumerate(shown)}
    fresh = [row for row in shown if row.exchange_id not in first]
    seen: dict[str, set[str]] = {}
    for label in labels:
        if first.get(label.exchange_id) is not None and first[label.exchange_id].case_at == label.case_at:
            seen.setdefault(label.exchange_id, set()).add(label.person)
    again = [
        row
        for row in shown
        if len(seen.get(row.exchange_id, ())) == 1
        and person not in seen[row.exchange_id]
        and share("twice", drawing.cell_id, row.exchange_id) < TWICE
    ]
    mine = {row.exchange_id: share("queue", person, drawing.cell_id, row.exchange_id) for row in shown}
    return [
        *sorted(fresh, key=lambda row: (blocks[row.exchange_id], mine[row.exchange_id])),
        *sorted(again, key=lambda row: mine[row.exchange_id]),
    ]


def candidate_left(cell_id: str, exchange_id: str, person: str) -> bool:
    """Whether this person sees the candidate's answer of a case on the left."""
    return share("left", cell_id, exchange_id, person) < 0.5


def agreement(labels: Iterable[Label]) -> Agreement | None:
    """How far people agree on what several of them marked; None where no pair was marked by two."""
    marks: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for label in labels:
        if label.candidate is not None and label.baseline is not None:
            marks.setdefault((label.exchange_id, label.case_at), []).append((label.candidate, label.baseline))
    twice = [given for given in marks.values() if len(given) > 1]
    if not twice:
        return None
    units = [[pair[side] for pair in given] for given in twice for side in (0, 1)]
    met = [one == other for unit in units for one, other in combinations(unit, 2)]
    return Agreement(pairs=len(twice), same=sum(met) / len(met), alpha=krippendorff(units))


def krippendorff(units: Sequence[Sequence[float]]) -> float | None:
    """Krippendorff's alpha of interval data: 1 - D_observed / D_expected over units of two marks or more.

    None where all marks are the same. Source: Hayes & Krippendorff, Communication Methods and Measures 1:77, 2007.
    """
    several = [unit for unit in units if len(unit) > 1]
    values = [value for unit in several for value in unit]
    expected = _spread(values) / (len(values) - 1) if len(values) > 1 else 0.0
    if expected <= 1e-12:
        return None
    observed = math.fsum(_spread(unit) / (len(unit) - 1) for unit in several)
    return 1.0 - observed / expected


def _spread(values: Sequence[float]) -> float:
    """The sum of squared differences of all ordered pairs."""
    total = math.fsum(values)
    return 2.0 * (len(values) * math.fsum(value * value for value in values) - total * total)
