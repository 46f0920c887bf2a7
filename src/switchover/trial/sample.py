"""Which cases are replayed, in which order: one per copy group, by seed, with critical slices oversampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from switchover.domain.candidate import ScoredCase

from .cases import Case
from .split import CopyGroup, share

SLICE_SHARE = 0.30
FEWEST_PER_TOPIC = 5


@dataclass(frozen=True, slots=True)
class Planned:
    """A copy group and the case of it that is replayed."""

    group: CopyGroup
    case: Case


def plan_cases(groups: Sequence[CopyGroup], seed: int) -> list[Planned]:
    """Every copy group once, in the order of the seed: critical slices make up 30 % while they last, or their own share
    where that is more.
    """
    ordered = sorted(groups, key=lambda group: (share("case", seed, group.key), group.key))
    planned = [Planned(group, _drawn(group, seed)) for group in ordered]
    critical = [p for p in planned if p.case.slices]
    others = [p for p in planned if not p.case.slices]
    wanted = max(SLICE_SHARE, len(critical) / len(planned)) if critical else 0.0
    mixed: list[Planned] = []
    taken = 0
    for place in range(len(planned)):
        due = taken < len(critical) and (taken < wanted * (place + 1) or place - taken >= len(others))
        mixed.append(critical[taken] if due else others[place - taken])
        taken += due
    return mixed


def _drawn(group: CopyGroup, seed: int) -> Case:
    return min(group.cases, key=lambda case: (share("copy", seed, case.order), case.order))


def natural_mix(rows: Sequence[ScoredCase], keys: Mapping[str, str], slice_share: float, seed: int) -> list[ScoredCase]:
    """The rows that count in the overall ledger: critical ones thinned to their natural share.

    Which ones stay is settled by the seed and the request (``keys``: exchange id → key), never by a score.
    """
    critical = sorted((row for row in rows if row.slices), key=lambda r: share("case", seed, keys.get(r.exchange_id)))
    others = [row for row in rows if not row.slices]
    if slice_share >= 1.0 or not critical:
        return [*others, *critical]
    fitting = int(len(others) * slice_share / (1.0 - slice_share) + 1e-9)
    return [*others, *critical[:fitting]]


def coverage(traffic: Sequence[int], graded: Sequence[int]) -> float:
    """Share of the traffic (its topics) in topics with at least five graded replays (their topics). Novel: not covered.

    1.0 when there was no traffic.
    """
    replayed = replayed_topics(graded)
    return sum(topic in replayed for topic in traffic) / len(traffic) if traffic else 1.0


def replayed_topics(graded: Sequence[int]) -> frozenset[int]:
    """Topics with enough graded replays."""
    return frozenset(t for t in set(graded) if t >= 0 and sum(g == t for g in graded) >= FEWEST_PER_TOPIC)
