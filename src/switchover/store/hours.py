"""One process's record as its figures tell it, and the spans of time of which they don't tell all.

An hour is told by its figures unless something in it has no price and may have one by now: its exchanges are to be
read, then.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select, text

from switchover.domain.charge import Basis, Ending
from switchover.domain.exchange import TOKEN_COUNT, UNDATED, Outcome

from . import schema
from .counting import HOUR_S
from .database import Store
from .schema import MINUTES
from .spending import COUNTED

HOURS, TRIED, LOAD, SPEND, EXCHANGE = (
    schema.traffic_hour, schema.traffic_tried, schema.traffic_load, schema.spend, schema.exchange,
)  # fmt: skip
# So many hours are looked at for an example; retention or an erasure may have taken those of the others.
MOST_HOURS = 24

# Whether calls of an upstream's model at a moment (Unix seconds) have a price, as far as is known now.
HasPrice = Callable[[str, str, float], bool]


class Asked(NamedTuple):
    """Exchanges of one hour, ``upstream`` "" where nobody answered; ``spent`` in billionths of a dollar."""

    hour: int
    upstream: str
    dialect: str
    outcome: str
    exchanges: int
    priced: int
    spent: int


class Charged(NamedTuple):
    """So many tries that were billed alike; see :class:`~switchover.domain.charge.Charge`."""

    upstream: str
    ending: Ending
    basis: Basis
    source: str
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """What the figures tell of a process. Counts of tokens are left out.

    ``first`` and ``last`` are the moments of the first and last exchange that is on record, in Unix seconds. ``tried``
    counts exchanges by the upstreams they were sent to, ``minutes`` holds each hour's sixty. ``examples`` names an
    exchange per upstream that answered whole (None: one that is not complete). ``unread`` are the spans (from, to
    before; Unix seconds) that none of this tells of.
    """

    first: float
    last: float
    rows: Sequence[Asked]
    tried: Mapping[str, int]
    charges: Sequence[Charged]
    minutes: Mapping[int, Sequence[int]]
    examples: Mapping[str | None, str] = field(default_factory=dict)
    unread: Sequence[tuple[float, float]] = ()


def hours(store: Store, process: str, has_price: HasPrice, since: float | None = None) -> Hours | None:
    """What is told of a process since then (Unix seconds; None = all that is on record); None: nothing is on record."""
    with store.read() as connection:
        bounds = _bounds(connection, process, since)
        if bounds is None:
            return None
        first, last = bounds
        start = int(first // HOUR_S)
        unread = _to_price(connection, process, start, has_price)
        if since is not None and since > start * HOUR_S:
            unread.add(start)
        rows = [row for row in _asked(connection, process, start) if row.hour not in unread]
        return Hours(
            first=first,
            last=last,
            rows=rows,
            tried=_tried(connection, process, start, unread),
            charges=_charges(connection, process, start, unread),
            minutes=_minutes(connection, process, start, unread),
            examples=dict(_examples(connection, process, rows)),
            unread=[(max(begin, first), end) for begin, end in _spans(sorted(unread))],
        )


def _bounds(connection: Connection, process: str, since: float | None) -> tuple[float, float] | None:
    at = EXCHANGE.c.started_at
    wanted = select(at).where(
        EXCHANGE.c.process == process, EXCHANGE.c.dialect != TOKEN_COUNT, ~EXCHANGE.c.id.startswith(UNDATED)
    )
    if since is not None:
        wanted = wanted.where(at >= since)
    first = connection.scalar(wanted.order_by(at).limit(1))
    if first is None:
        return None
    last = connection.scalar(wanted.order_by(at.desc()).limit(1))
    return float(first), float(first if last is None else last)


def _to_price(connection: Connection, process: str, start: int, has_price: HasPrice) -> set[int]:
    """The hours in which something lacks a price that may have one by now, or that was never metered."""
    without = func.sum(HOURS.c.exchanges) - func.sum(HOURS.c.priced)
    asked = select(HOURS.c.hour, without).where(
        HOURS.c.process == process, HOURS.c.hour >= start, HOURS.c.dialect != TOKEN_COUNT
    )
    lacking = {hour: int(count) for hour, count in connection.execute(asked.group_by(HOURS.c.hour).having(without > 0))}
    keys, calls = (SPEND.c.hour, SPEND.c.upstream, SPEND.c.model), func.sum(SPEND.c.calls)
    billed = select(*keys, calls).where(
        SPEND.c.process == process, SPEND.c.hour >= start, SPEND.c.purpose.in_(COUNTED),
        SPEND.c.basis == Basis.UNPRICED.value,
    )  # fmt: skip
    found: set[int] = set()
    metered: Counter[int] = Counter()
    for hour, upstream, model, count in connection.execute(billed.group_by(*keys).having(calls > 0)):
        metered[hour] += int(count)
        # At its end: a price that begins within the hour holds for some of it.
        if hour not in found and has_price(upstream, model, (hour + 1) * HOUR_S - 1):
            found.add(hour)
    return found | {hour for hour, count in lacking.items() if count > metered[hour]}


def _asked(connection: Connection, process: str, start: int) -> Iterator[Asked]:
    keys = [HOURS.c[name] for name in ("hour", "upstream", "dialect", "outcome")]
    sums = [func.sum(HOURS.c[name]) for name in ("exchanges", "priced", "spent")]
    wanted = select(*keys, *sums).where(
        HOURS.c.process == process, HOURS.c.hour >= start, HOURS.c.dialect != TOKEN_COUNT
    )
    wanted = wanted.group_by(*keys).having(sums[0] > 0).order_by(*keys)
    for hour, upstream, dialect, outcome, *found in connection.execute(wanted):
        yield Asked(hour, upstream, dialect, outcome, *map(int, found))


def _tried(connection: Connection, process: str, start: int, without: Collection[int]) -> dict[str, int]:
    wanted = select(TRIED.c.hour, TRIED.c.upstream, TRIED.c.asked).where(
        TRIED.c.process == process, TRIED.c.hour >= start, TRIED.c.dialect != TOKEN_COUNT
    )
    found: Counter[str] = Counter()
    for hour, upstream, asked in connection.execute(wanted):
        if asked and hour not in without:
            found[upstream] += int(asked)
    return dict(found)


def _charges(connection: Connection, process: str, start: int, without: Collection[int]) -> list[Charged]:
    keys = [SPEND.c[name] for name in ("hour", "upstream", "ending", "basis", "source")]
    calls = func.sum(SPEND.c.calls)
    wanted = select(*keys, calls).where(SPEND.c.process == process, SPEND.c.hour >= start, SPEND.c.purpose.in_(COUNTED))
    found: Counter[tuple[str, str, str, str]] = Counter()
    for hour, *of, count in connection.execute(wanted.group_by(*keys).having(calls > 0)):
        if hour not in without:
            found[tuple(of)] += int(count)
    return [
        Charged(upstream, Ending(ending), Basis(basis), source, count)
        for (upstream, ending, basis, source), count in found.items()
    ]


def _minutes(connection: Connection, process: str, start: int, without: Collection[int]) -> dict[int, Sequence[int]]:
    wanted = select(LOAD.c.hour, *(LOAD.c[name] for name in MINUTES))
    rows = connection.execute(wanted.where(LOAD.c.process == process, LOAD.c.hour >= start))
    return {hour: counts for hour, *counts in rows if hour not in without}


def _examples(connection: Connection, process: str, rows: Sequence[Asked]) -> Iterator[tuple[str | None, str]]:
    """An exchange for each, the oldest that is found."""
    by: defaultdict[str | None, list[int]] = defaultdict(list)
    for row in rows:
        of = row.upstream or None if row.outcome == Outcome.COMPLETE else None
        if len(by[of]) < MOST_HOURS and row.hour not in by[of][-1:]:
            by[of].append(row.hour)
    for of, within in by.items():
        for hour in within:
            found = connection.scalar(_example(process, of, hour))
            if found is not None:
                yield of, found
                break


def _example(process: str, upstream: str | None, hour: int) -> Select[Any]:
    at = EXCHANGE.c.started_at
    wanted = select(EXCHANGE.c.id).where(
        EXCHANGE.c.process == process, at >= hour * HOUR_S, at < (hour + 1) * HOUR_S,
        EXCHANGE.c.dialect != TOKEN_COUNT, ~EXCHANGE.c.id.startswith(UNDATED),
    )  # fmt: skip
    if upstream is None:
        wanted = wanted.where(EXCHANGE.c.upstream.is_(None) | text(schema.NOT_COMPLETE))
    else:
        wanted = wanted.where(EXCHANGE.c.upstream == upstream, EXCHANGE.c.outcome == Outcome.COMPLETE.value)
    return wanted.order_by(at).limit(1)


def _spans(unread: Sequence[int]) -> list[tuple[float, float]]:
    """Hours in their order as spans, those that follow each other together."""
    found: list[tuple[float, float]] = []
    for hour in unread:
        begin = found.pop()[0] if found and found[-1][1] == hour * HOUR_S else hour * HOUR_S
        found.append((begin, (hour + 1) * HOUR_S))
    return found
