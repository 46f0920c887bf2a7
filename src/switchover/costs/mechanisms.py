"""How prices change: dated events with a probability and a size, grounded in real ones. Pure: chance is handed in.

A mechanism happens at most once in the time projected, at a moment that is as likely in every month (a Poisson process
with the rate of its row). Its change then holds. Changes of several mechanisms multiply.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from switchover.domain.costing import FILE, SHIPPED, Assumption, PriceEvent
from switchover.facts.read import facts

from .assumptions import Array, Values

MONTHS_PER_YEAR = 12
FORCED_SUCCESSOR = "forced successor"
MONTH_S = 2_629_800.0  # a twelfth of a Julian year
# Prices below this share of today's are no price list any more.
LEAST_SHARE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """One way prices change. ``per_year`` is how often; ``size`` by how many percent; ``events`` ground both.

    ``applies``: "vendor" for a model that one organisation sells, "open" for open weights at a host.
    """

    name: str
    per_year: Assumption
    size: Assumption
    applies: tuple[str, ...]
    events: tuple[str, ...]

    @property
    def rises(self) -> bool:
        """True when it makes things dearer."""
        return self.size.value > 0


def mechanisms() -> tuple[Mechanism, ...]:
    """Those that are shipped."""
    page = facts("mechanisms")
    day = page["meta"]["as_of"]
    return tuple(
        Mechanism(
            name=row["name"],
            per_year=_row(f"{row['name']}: how often", "per year", row["per_year"], row["events"], day),
            size=_row(f"{row['name']}: change of the price", "percent", row["size"], row["events"], day),
            applies=tuple(row["applies"]),
            events=tuple(row["events"]),
        )
        for row in page["mechanisms"]
    )


def scenarios() -> tuple[int, ...]:
    """The changes in percent that boards ask for."""
    return tuple(facts("mechanisms")["scenarios"])


def _row(name: str, unit: str, ends: dict[str, float], events: Sequence[str], day: str) -> Assumption:
    return Assumption(
        name=name,
        means=name,
        value=float(ends["value"]),
        low=float(ends["low"]),
        high=float(ends["high"]),
        unit=unit,
        source=f"facts/events.yaml: {', '.join(events)}",
        owner="whoever runs Switchover",
        date=day,
        kept_in=SHIPPED,
    )


def changes(
    where: str,
    kind: str,
    months: int,
    values: Values,
    mechanisms: Iterable[Mechanism],
    events: Iterable[PriceEvent],
    begins: float,
) -> Array:
    """What a price at ``where`` is multiplied with, draws × months. ``begins`` is the first month's first moment.

    ``kind`` is "vendor" or "open". ``events`` are those that are expected there; one that is
    named as a mechanism is comes in its place. Two places change independently.
    """
    events = tuple(events)
    expected = {event.name for event in events}
    found = np.ones((values.draws, months))
    month = np.arange(months, dtype=np.float64)
    for one in mechanisms:
        if kind in one.applies and one.name not in expected:
            rate = values.row(one.per_year)
            # 1 - u, as u may be 0; the waiting time of a Poisson process.
            waits = -np.log1p(-values.uniform(f"{one.name} at {where}")) / np.maximum(rate, 1e-12) * MONTHS_PER_YEAR
            _multiply(found, month, waits, values.row(one.size, where))
    for event in events:
        at = np.full(values.draws, (event.at - begins) / MONTH_S)
        name = f"{event.name} at {event.where}"
        happens = np.full(1, event.probability >= 0.5) if values.certain else values.uniform(name) < event.probability
        _multiply(found, month, np.where(happens, at, np.inf), values.row(row_of(event)))
    return np.maximum(found, LEAST_SHARE)


def successor(where: str, at: float, source: str) -> PriceEvent:
    """An announced retirement of a model: its successor is forced on its users at the moment ``at`` (Unix seconds)."""
    size = next(one.size for one in mechanisms() if one.name == FORCED_SUCCESSOR)
    return PriceEvent(
        name=FORCED_SUCCESSOR, where=where, at=at, probability=1.0, low=size.low, value=size.value, high=size.high,
        source=f"{source}; size: {size.source}", owner=size.owner, announced=True,
    )  # fmt: skip


def row_of(event: PriceEvent) -> Assumption:
    """An expected event as a row among the assumptions."""
    name = f"{event.name} at {event.where}"
    return Assumption(
        name=name,
        means=f"{name}: change of the price, with a probability of {event.probability:.0%}",
        value=event.value,
        low=event.low,
        high=event.high,
        unit="percent",
        source=event.source,
        owner=event.owner,
        date="",
        kept_in="" if event.announced else FILE,
    )


def _multiply(found: Array, month: Array, at: Array, percent: Array) -> None:
    """Applies a change from the first whole month after ``at`` (in months) on."""
    hit = month[None, :] >= at[:, None]
    np.multiply(found, np.where(hit, (1 + percent / 100)[:, None], 1.0), out=found)
