"""What the record tells that a placement rests on, from the counting tables: load, volume, spend, cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from switchover.costs.alone import alone
from switchover.domain.candidate import Verdict
from switchover.domain.process import Settings
from switchover.store import Store
from switchover.store.traffic import asked, peaks

# Long enough to have seen an end of month, short enough that what has changed since does not weigh.
DAYS = 90
# Costs are projected from a month: it has whole weeks, and the growth of a quarter is none of the projection's own.
COST_DAYS = 30
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarter:
    """What was recorded ``since`` (Unix seconds), by process.

    ``peaks`` are busiest minutes, ``answers`` exchanges by upstream ("": nobody's), ``spent`` USD of the priced ones.
    ``costs`` are USD over two years at each upstream, projected from the last month.
    """

    since: float
    peaks: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    spent: Mapping[str, Decimal] = field(default_factory=dict)
    costs: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)

    def volume(self, process: str) -> int:
        """Its exchanges."""
        return sum(self.answers.get(process, {}).values())

    def share(self, process: str) -> float | None:
        """Its part (0–1) of all exchanges; None where there are none."""
        total = sum(sum(one.values()) for one in self.answers.values())
        return self.volume(process) / total if total else None


def quarter(store: Store, settings: Settings, newest: Sequence[Verdict], now: float) -> Quarter:
    """What the last 90 days tell. ``newest`` are verdicts, one per cell. Raises StoreUnavailable."""
    since = now - DAYS * DAY_S
    answers: dict[str, dict[str, int]] = {}
    spent: dict[str, Decimal] = {}
    for row in asked(store, since, ("process", "upstream")):
        process = row.of["process"]
        answers.setdefault(process, {})[row.of["upstream"]] = row.exchanges
        if row.priced:
            spent[process] = spent.get(process, Decimal(0)) + row.spent
    costs = alone(store, settings, newest, now, now - COST_DAYS * DAY_S)
    return Quarter(since=since, peaks=peaks(store, since), answers=answers, spent=spent, costs=costs)
