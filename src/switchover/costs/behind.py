"""The newest exchanges behind a figure, each with what it cost by the prices of its moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from switchover.domain.charge import IMPORTED, LIVE
from switchover.domain.exchange import Exchange
from switchover.domain.process import Settings
from switchover.store import Store
from switchover.store.spending import learned
from switchover.store.traffic import newest_answered

from .estimates import ratios_of
from .metering import price_exchange
from .prices import Priced

NEWEST = 20


@dataclass(frozen=True, slots=True)
class Behind:
    """An exchange, and what it cost as far as anybody knows."""

    exchange: Exchange
    priced: Priced


def behind(store: Store, settings: Settings, begin: float, end: float, of: Mapping[str, str]) -> list[Behind]:
    """The newest from ``begin`` to before ``end`` (Unix seconds), ``of`` a process, a provider and a purpose.

    A provider's are those that it answered. What rehearsals and the watch ask leaves no exchange.
    """
    purpose, provider = of.get("purpose"), of.get("provider")
    if purpose not in (None, LIVE, IMPORTED):
        return []
    hosted = None
    if provider is not None:
        hosted = {name for name, spec in settings.upstreams.items() if spec.host == provider}
    found = newest_answered(store, begin, end, process=of.get("process"), upstreams=hosted, limit=NEWEST)
    ratios = ratios_of(learned(store))
    return [
        Behind(one, price_exchange(one, settings.upstreams, ratios))
        for one in found
        if purpose is None or one.is_imported == (purpose == IMPORTED)
    ]
