"""What each process by itself would cost at each upstream that could serve it, in the middle case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from switchover.domain.candidate import Verdict
from switchover.domain.process import Settings
from switchover.store import Store
from switchover.store.assumptions import edits

from .ahead import announced, usages
from .assumed import with_edits
from .assumptions import Chance, Values
from .options import STAY, Known, world
from .project import World, simulate
from .weigh import MONTHS

CENT = Decimal("0.01")


def alone(
    store: Store, settings: Settings, newest: Sequence[Verdict], begins: float, since: float
) -> dict[str, dict[str, Decimal]]:
    """USD over two years from ``begins`` (Unix seconds) on, every assumption at its value: process → upstream → USD.

    It rests on what was recorded ``since``. What nobody can price is left out. Raises StoreUnavailable.
    """
    settings, _ = with_edits(settings, edits(store))
    usage, _ = usages(store, settings, None, since)
    if not usage:
        return {}
    known = Known(verdicts=newest, events=announced(store, settings, begins))
    try:
        found, _ = world(settings, usage, known, begins, MONTHS)
    except ValueError:
        return {}
    named = {one.name: one.upstream for one in settings.costing.options if one.upstream is not None}
    upstreams = {STAY: None} | {one.name: named.get(one.name, one.name) for one in found.options if one.name != STAY}
    return {process: _of(found, settings, process, upstreams) for process in found.usage}


def _of(found: World, settings: Settings, process: str, known: dict[str, str | None]) -> dict[str, Decimal]:
    options = tuple(replace(one, moved=tuple(name for name in one.moved if name == process)) for one in found.options)
    by_itself = replace(found, usage={process: found.usage[process]}, options=options)
    monthly = simulate(by_itself, Values(found.rows, Chance(0, 1), certain=True)).monthly
    mine = settings.processes[process]
    told: dict[str, Decimal] = {}
    for option, costs in monthly.items():
        upstream = known[option] or mine.baseline
        # Staying is priced as it is; an option at the same upstream says it again.
        if upstream in mine.upstreams and upstream not in told:
            told[upstream] = Decimal(str(float(costs.sum()))).quantize(CENT)
    return told
