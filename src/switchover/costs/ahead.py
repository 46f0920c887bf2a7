"""From the store to the projection: usage from the hourly figures, options from the configuration and the proofs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from switchover.domain.costing import PriceEvent
from switchover.domain.process import Settings
from switchover.store import Store
from switchover.store.gaps import missing
from switchover.store.traffic import hourly, minutes
from switchover.store.watching import retiring

from .mechanisms import successor
from .options import Known, world
from .outlook import Outlook
from .usage import UsageModel, usage_of
from .weigh import DRAWS, MONTHS, SEED, weigh

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How to project. ``processes`` None: all that are configured."""

    months: int = MONTHS
    draws: int = DRAWS
    seed: int = SEED
    processes: Collection[str] | None = None


def ahead(
    store: Store, settings: Settings, known: Known, begins: float, terms: Terms, since: float | None = None
) -> Outlook | str:
    """The projection from ``begins`` (Unix seconds) on, or why there is none.

    It rests on what was recorded ``since`` (None = all). Raises StoreUnavailable when the store can't be read.
    """
    usage, gaps = usages(store, settings, terms.processes, since)
    if not usage:
        return "; ".join(gaps) or "nothing has been recorded"
    known = replace(known, events=(*known.events, *_retirements(store, settings, begins)))
    try:
        found, left_out = world(settings, usage, known, begins, terms.months)
    except ValueError as cause:
        return "; ".join((*gaps, str(cause)))
    return weigh(found, (*gaps, *left_out), draws=terms.draws, seed=terms.seed)


def _retirements(store: Store, settings: Settings, begins: float) -> list[PriceEvent]:
    """What announced retirements will do to prices; one that is past has a price of today's already."""
    found = []
    for name, one in retiring(store, settings).items():
        at = datetime.fromisoformat(one.day).replace(tzinfo=UTC).timestamp()
        if at > begins:
            found.append(successor(name, at, f"{one.model} retires on {one.day}: {one.source}"))
    return found


def usages(
    store: Store, settings: Settings, wanted: Collection[str] | None, since: float | None
) -> tuple[dict[str, UsageModel], list[str]]:
    """Each process's usage; the record's known gaps, and the processes that nothing can be said of."""
    rows, busy = hourly(store, since or 0.0, wanted), minutes(store, since, wanted)
    gaps = [f"known to be missing from the record: {one}" for one in missing(store)]
    found = {}
    for name in settings.processes:
        if wanted is not None and name not in wanted:
            continue
        # A call that no upstream accepted used nothing, so its usage is not missing.
        answered = [row for row in rows.get(name, ()) if row.upstream]
        if not answered or name not in busy:
            gaps.append(f"{name} is left out: no answer is recorded")
            continue
        first, last = busy[name].first * MINUTE_S, (busy[name].last + 1) * MINUTE_S
        try:
            found[name] = usage_of(name, answered, first, last)
        except ValueError as cause:
            gaps.append(f"{name} is left out: {cause}")
    return found, gaps
