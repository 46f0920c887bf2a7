"""Which cases are replayed, in which order, and which of them count overall: by seed, one per copy group.

Each copy group has its turn, drawn by the seed from its content. A critical slice that is rare is taken in advance of
its turn: so many times as often as it comes in the traffic. Of these cases only that part counts in the overall ledger
which restores their natural share; whether one does is drawn by the seed, too, before anybody answers
(``specs/verdict.md``, Sampling).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from .cases import Case
from .split import CopyGroup, share

SLICE_SHARE = 0.30
# What an equal candidate may need until its proof stands for a week (95th percentile of replays). A slice is not taken
# so far in advance that it is used up before so many cases count overall: from then on they would lack it.
OVERALL = 810
OTHERS = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """A copy group, the case of it that is replayed, and whether it counts in the overall ledger."""

    group: CopyGroup
    case: Case
    counts: bool = True


def plan_cases(groups: Sequence[CopyGroup], seed: int, critical: Collection[str] | None = None) -> list[Planned]:
    """The copy groups in the order of replay; those of which their slice would be used up are left out.

    ``critical`` names the slices that are taken in advance; None: all.
    """
    drawn = [(group, _drawn(group, seed)) for group in groups]
    parts = parts_of([case.slices for _, case in drawn], critical)
    ahead = factors(Counter(parts))
    last = 1.0 / max(ahead.values(), default=1.0)
    due = []
    for (group, case), part in zip(drawn, parts, strict=True):
        at = share("case", seed, group.key) / ahead[part]
        if at < last:
            counts = ahead[part] == 1.0 or share("counts", seed, group.key) * ahead[part] < 1.0
            due.append((at, group.key, Planned(group, case, counts)))
    return [planned for _, _, planned in sorted(due, key=lambda one: one[:2])]


def parts_of(slices: Sequence[Collection[str]], critical: Collection[str] | None = None) -> list[str]:
    """For each case its rarest critical slice, OTHERS without any: parts do not overlap, as slices may."""
    many = Counter(name for found in slices for name in found if critical is None or name in critical)
    return [
        min((name for name in found if name in many), key=lambda n: (many[n], n), default=OTHERS) for found in slices
    ]


def factors(sizes: Mapping[str, int]) -> dict[str, float]:
    """How many times as often as in the traffic each part is replayed; 1.0 or more.

    Each critical slice is to make up its even share of 30 % of the replays, unless its own is larger or it would be
    used up too soon.
    """
    total = sum(sizes.values())
    even = SLICE_SHARE / max(len(sizes.keys() - {OTHERS}), 1)
    rare = [name for name, size in sizes.items() if name != OTHERS and size < even * total]
    natural = 1.0 - sum(sizes[name] for name in rare) / total if rare else 1.0
    most = max(total / OVERALL, 1.0)
    wanted = {name: even * natural * total / ((1.0 - even * len(rare)) * sizes[name]) for name in rare}
    return {name: min(wanted.get(name, 1.0), most) for name in sizes}


def _drawn(group: CopyGroup, seed: int) -> Case:
    if len(group.cases) == 1:
        return group.cases[0]
    return min(group.cases, key=lambda case: (share("copy", seed, case.order), case.order))
