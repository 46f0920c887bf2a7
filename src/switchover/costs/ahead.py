"""From the store to the projection: usage from the hourly figures, options from the configuration and the proofs."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from switchover.domain.costing import PriceEvent
from switchover.domain.process import Settings
from switchover.store import Store
from switchover.store.assumptions import edits
from switchover.store.gaps import missing
from switchover.store.traffic import hourly, minutes
from switchover.store.watching import retiring

from .assumed import with_edits
from .mechanisms import successor
from .options import Known, world
from .outlook import Outlook
from .usage import UsageModel, usage_of
from .weigh import DRAWS, MONTHS, SEED, weigh

MINUTE_S, DAY_S = 60.0, 86_400.0
# Usage that moved by less moves no figure that anybody would decide by.
CLOSE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How to project. ``processes`` None: all that are configured."""

    months: int = MONTHS
    draws: int = DRAWS
    seed: int = SEED
    processes: Collection[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """All that a projection rests on. The settings hold the assumptions in force; ``begins`` is a day's first moment.

    ``gaps`` name what is missing.
    """

    settings: Settings
    usage: Mapping[str, UsageModel]
    known: Known
    begins: float
    gaps: tuple[str, ...]
    terms: Terms

    def is_like(self, other: Inputs) -> bool:
        """Whether the other gives the same figures, but for usage that moved by less than :data:`CLOSE`."""
        same = (self.settings, self.known, self.begins, self.gaps, self.terms)
        if same != (other.settings, other.known, other.begins, other.gaps, other.terms):
            return False
        return self.usage.keys() == other.usage.keys() and all(
            _is_close(one, other.usage[name]) for name, one in self.usage.items()
        )


def inputs(
    store: Store, settings: Settings, known: Known, now: float, terms: Terms, since: float | None = None
) -> Inputs:
    """What a projection made at ``now`` (Unix seconds) rests on, from what was recorded ``since`` (None = all).

    It begins with the day, so that whoever asks on the same day gets the same figures. Raises StoreUnavailable.
    """
    settings, voids = with_edits(settings, edits(store))
    usage, gaps = usages(store, settings, terms.processes, since)
    begins = now - now % DAY_S
    known = replace(known, events=(*known.events, *announced(store, settings, begins)))
    return Inputs(settings=settings, usage=usage, known=known, begins=begins, gaps=(*gaps, *voids), terms=terms)


def weighed(given: Inputs) -> Outlook | str:
    """The projection, or why there is none."""
    if not given.usage:
        return "; ".join(given.gaps) or "nothing has been recorded"
    try:
        found, left_out = world(given.settings, given.usage, given.known, given.begins, given.terms.months)
    except ValueError as cause:
        return "; ".join((*given.gaps, str(cause)))
    return weigh(found, (*given.gaps, *left_out), draws=given.terms.draws, seed=given.terms.seed)


def ahead(
    store: Store, settings: Settings, known: Known, now: float, terms: Terms, since: float | None = None
) -> Outlook | str:
    """The projection from the day of ``now`` (Unix seconds) on, or why there is none; see :func:`inputs`."""
    return weighed(inputs(store, settings, known, now, terms, since))


def _is_close(one: UsageModel, other: UsageModel) -> bool:
    if (one.confidence, len(one.gaps)) != (other.confidence, len(other.gaps)):
        return False
    return all(
        math.isclose(a, b, rel_tol=CLOSE, abs_tol=CLOSE) for a, b in zip(_moving(one), _moving(other), strict=True)
    )


def _moving(one: UsageModel) -> tuple[float, ...]:
    """What a longer record changes, each as -1 where it is not known."""
    growth = one.growth or (-1.0, -1.0, -1.0)
    unknown = [-1.0 if found is None else found for found in (one.peak_ratio, one.error)]
    return (one.calls, one.input, one.cached, one.output, *unknown, *growth)


def announced(store: Store, settings: Settings, begins: float) -> list[PriceEvent]:
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
