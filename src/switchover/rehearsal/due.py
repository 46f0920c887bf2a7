"""Which cells need replays, and when; which of the due orders goes first, and how far. Pure.

A proof fades as its evidence ages. Replays at a steady rate r per day hold the aged weight at r·h/ln 2, and with it the
evidence at r·h·g/ln 2, where g is what one replay adds to its logarithm and h the half-life in days. So

    r = 2.5 · ln(1/α) · ln 2 / (g·h)

holds it at two and a half times what READY needs. Source: ``specs/verdict.md``, Drift and many cells. Chance still
takes it below on one day in twenty: so a day's replays go on beyond r until the proof would stand a week without
another. ``tests/properties/test_keep_warm.py`` shows what that costs, and how often a proof lapses all the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from switchover.domain.process import Criticality
from switchover.domain.watching import DueOrder, Why
from switchover.stats.noninferiority import DAY

SPARE = 2.5
RANK = {Criticality.CRITICAL: 0, Criticality.IMPORTANT: 1, Criticality.ORDINARY: 2}
# What a proof serves by comes before what may give one; then what lapsed, before what is only foreseen.
URGENT = {Why.KEEP_WARM: 0, Why.LAPSED: 1, Why.DRIFT: 2, Why.CHANGED: 2, Why.RETIREMENT: 2}
# A proof that is out of date for longer was let go: nobody renews it unasked.
LAPSED_DAYS = 30.0
# Below this a ledger gains so little that no rate a day would keep it: the growth of a candidate at the margin's edge.
LEAST_GROWTH = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerNow:
    """What a ledger gains: ``growth`` of ln E per replay (None: nothing known), and its ``share`` of all replays."""

    growth: float | None
    share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A cell that gave a proof, as it stands.

    ``ledgers``: the overall one and those of critical slices. ``expires_at`` is the newest proof's. ``alpha`` and
    ``half_life`` (days) are the process's. ``made_today``: replays of this cell since midnight (UTC).
    """

    process: str
    candidate: str
    prompt_version: str
    criticality: Criticality
    ledgers: Sequence[LedgerNow]
    expires_at: float
    alpha: float
    half_life: float
    made_today: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A cell that needs replays today until its verdict is clear, and at least so many."""

    held: Held
    why: Why
    replays: int
    due_at: float


def keep_warm_rate(growth: float, alpha: float, half_life: float) -> float:
    """Replays per day that hold a ledger's evidence; ``growth`` is per replay, ``half_life`` in days."""
    return SPARE * math.log(1 / alpha) * math.log(2) / (growth * half_life)


def rate_of(held: Held) -> float | None:
    """Replays per day that keep every ledger of the cell; None where one gains too little to be kept at any rate."""
    rates = []
    for ledger in held.ledgers:
        if ledger.growth is None or ledger.growth < LEAST_GROWTH or ledger.share <= 0:
            return None
        rates.append(keep_warm_rate(ledger.growth, held.alpha, held.half_life) / ledger.share)
    return max(rates, default=None)


def needs(cells: Iterable[Held], now: float) -> list[Need]:
    """What each cell needs today, the most pressing first: critical processes, then what lapses soonest."""
    found = []
    for held in cells:
        if held.expires_at > now:
            rate = rate_of(held)
            # What no rate keeps is replayed at its end, when the verdict is to be made anew.
            replays = math.ceil(rate) - held.made_today if rate is not None else int(held.expires_at <= now + DAY)
            if replays > 0:
                found.append(Need(held=held, why=Why.KEEP_WARM, replays=replays, due_at=held.expires_at))
        elif held.expires_at > now - LAPSED_DAYS * DAY:
            found.append(Need(held=held, why=Why.LAPSED, replays=0, due_at=held.expires_at))
    return sorted(found, key=lambda need: (RANK[need.held.criticality], URGENT[need.why], need.due_at))


def in_turn(orders: Iterable[DueOrder], criticality: Mapping[str, Criticality]) -> list[DueOrder]:
    """Orders in the turn in which they are run; those of a process that is gone come last."""

    def worth(order: DueOrder) -> tuple[int, int, float, str]:
        rank = RANK.get(criticality.get(order.process, Criticality.ORDINARY), len(RANK))
        return rank, URGENT[order.why], order.due_at, order.id

    return sorted(orders, key=worth)


def replays_for(order: DueOrder, *, left: int, most: int, cost: int | None, money: int | None) -> int:
    """How many replays an order gets now at most; 0: none today.

    ``left`` is what is left of the day, ``most`` the whole order's bound; ``cost`` of one replay and ``money`` left are
    in micro-USD. With money bounded and the cost not known there are none: unknown is never free.
    """
    replays = min(most - order.calls, left)
    if money is not None:
        if cost is None:
            return 0
        replays = min(replays, money // cost) if cost > 0 else replays
    return max(replays, 0)
