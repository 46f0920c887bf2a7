"""Store → what was recorded of every process, from the counting tables: no exchange is read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from switchover.capacity.size import Load, load_of_minutes
from switchover.domain.charge import BILLIONTH, IMPORTED, KINDS, LIVE
from switchover.domain.exchange import SIDE_DIALECTS, TOKEN_COUNT
from switchover.store import Store
from switchover.store.spending import spend_rows
from switchover.store.traffic import Asked, asked, minutes

from .graph import Flow

# Rehearsals and judges are paid too, but nobody relies on them.
PURPOSES = (LIVE, IMPORTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """``volumes`` counts each process's requests for answers in words, answered or not; ``flows`` all answers."""

    flows: tuple[Flow, ...]
    volumes: Mapping[str, int]


def recorded(store: Store, now: float, since: float | None = None) -> Recorded:
    """What was indexed since the full hour of ``since`` (Unix seconds; None = all). Raises StoreUnavailable.

    Spend is what was billed for live and imported traffic when it was indexed, tries that failed included.
    """
    rows = asked(store, since or 0.0, ("process", "route", "upstream", "dialect"))
    rows = [row for row in rows if row.of["dialect"] != TOKEN_COUNT]
    volumes: Counter[str] = Counter()
    for row in rows:
        if row.of["dialect"] not in SIDE_DIALECTS:
            volumes[row.of["process"]] += row.exchanges
    return Recorded(flows=tuple(_flows(rows, _billed(store, since or 0.0, now))), volumes=dict(volumes))


def loads(store: Store, since: float | None = None) -> dict[str, Load]:
    """Each process's load in requests for answers in words, minute by minute."""
    found = minutes(store, since).items()
    return {process: load_of_minutes(one.counts, one.last - one.first + 1) for process, one in found}


def _billed(store: Store, since: float, now: float) -> dict[tuple[str, str], Decimal]:
    """USD by process and upstream."""
    found: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    # What came in this hour counts, and so does a clock that runs a little ahead.
    for row in spend_rows(store, since, now + 86_400.0, ("process", "upstream", "purpose")):
        if row["purpose"] in PURPOSES:
            spent = Decimal(sum(int(row[f"{kind}_spent"]) for kind in KINDS)) / BILLIONTH
            found[row["process"], row["upstream"]] += spent
    return dict(found)


def _flows(rows: Sequence[Asked], billed: Mapping[tuple[str, str], Decimal]) -> list[Flow]:
    """Bills know no routes: a process's bill at an upstream is shared among its routes as their exchanges cost."""
    answers: Counter[tuple[str, str, str]] = Counter()
    unpriced: Counter[tuple[str, str, str]] = Counter()
    priced: defaultdict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        if row.of["upstream"]:
            key = (row.of["process"], row.of["upstream"], row.of["route"])
            answers[key] += row.exchanges
            unpriced[key] += row.exchanges - row.priced
            priced[key] += row.spent
    by_pair: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for process, upstream, route in answers:
        by_pair[process, upstream].append(route)
    flows = []
    for (process, upstream), routes in by_pair.items():
        costs = [priced[process, upstream, route] for route in routes]
        parts = costs if sum(costs) else [Decimal(answers[process, upstream, route]) for route in routes]
        whole = sum(parts, Decimal(0))
        for route, part in zip(routes, parts, strict=True):
            key = (process, upstream, route)
            spent = billed.get((process, upstream), Decimal(0)) * part / whole
            flows.append(
                Flow(
                    process=process,
                    route=route,
                    upstream=upstream,
                    answers=answers[key],
                    spent=spent,
                    unpriced=unpriced[key],
                )
            )
    # Billed, and never the one that answered: its tries failed.
    flows += [
        Flow(process=process, route=process, upstream=upstream, answers=0, spent=spent)
        for (process, upstream), spent in billed.items()
        if spent and (process, upstream) not in by_pair
    ]
    return flows
