"""What was spent, by the hour: live traffic as it is counted, and what trials report; and how long tokens are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, delete, func, literal_column, select

from switchover.domain.charge import IMPORTED, KINDS, LIVE, Charge, Metered, Sample
from switchover.domain.exchange import Exchange

from . import schema
from .adding import added_columns, adding
from .database import Store

SPEND, RATIO = schema.spend, schema.token_ratio
HOUR_S = 3600
NAMES = [column.name for column in SPEND.primary_key]
# What is counted from exchanges; the rest was reported, and can't be counted again.
COUNTED = (LIVE, IMPORTED)


class Spent:
    """Sums in memory, by key; :meth:`add_to` adds them to what the tables hold."""

    def __init__(self) -> None:
        self._rows: dict[tuple[Any, ...], dict[str, int]] = {}
        self._ratios: dict[str, dict[str, int]] = {}

    def take(self, exchange: Exchange, metered: Metered, sign: int = 1) -> None:
        """Counts an exchange's charges. One that was recorded elsewhere at an unknown moment belongs to no month."""
        if exchange.is_dated:
            purpose = IMPORTED if exchange.is_imported else LIVE
            self.charge(exchange.process, exchange.started_at, purpose, metered.charges, sign)
        if metered.sample is not None:
            self._learn(metered.sample, sign)

    def charge(self, process: str, at: float, purpose: str, charges: Iterable[Charge], sign: int = 1) -> None:
        """Counts charges of a process at a moment (Unix seconds)."""
        for one in charges:
            key = (
                int(at // HOUR_S), process, one.upstream, one.model[: schema.MODEL_NAME], one.provider, one.developer,
                purpose, one.ending.value, one.basis.value, one.source[: schema.SOURCE],
            )  # fmt: skip
            row = self._rows.get(key)
            if row is None:
                row = self._rows[key] = dict.fromkeys(added_columns(SPEND), 0)
            row["calls"] += sign
            row["listed"] += sign * one.listed
            for kind, spent in zip(KINDS, one.spent, strict=True):
                row[f"{kind}_spent"] += sign * spent
            for kind, tokens in zip(KINDS, one.tokens, strict=False):
                row[f"{kind}_tokens"] += sign * tokens

    def _learn(self, sample: Sample, sign: int) -> None:
        row = self._ratios.setdefault(sample.model[: schema.MODEL_NAME], dict.fromkeys(schema.RATIOS, 0))
        found = {"answers": 1, "read": sample.read, "asked": sample.asked, "wrote": sample.wrote}
        if sample.said:
            found |= {"told": sample.wrote, "said": sample.said}
        for name, value in found.items():
            row[name] += sign * value

    def add_to(self, connection: Connection) -> None:
        """Adds the sums, sorted: two that add at once take the same rows in the same order."""
        dialect = connection.dialect.name
        if self._rows:
            rows = [dict(zip(NAMES, key, strict=True)) | self._rows[key] for key in sorted(self._rows)]
            connection.execute(adding(SPEND, dialect), rows)
        if self._ratios:
            learned = [{"model": model} | self._ratios[model] for model in sorted(self._ratios)]
            connection.execute(adding(RATIO, dialect), learned)


def record_spend(store: Store, process: str, at: float, purpose: str, charges: Iterable[Charge]) -> None:
    """Adds what calls cost that are no exchanges; ``purpose`` is one of those of ``domain/charge.py``."""
    spent = Spent()
    spent.charge(process, at, purpose, charges)
    with store.write() as connection:
        spent.add_to(connection)


def uncount(connection: Connection) -> None:
    """Takes away what exchanges that are there were counted for, to be counted again."""
    exchange = schema.exchange
    oldest = select(exchange.c.process, func.min(exchange.c.started_at)).group_by(exchange.c.process)
    for process, began in connection.execute(oldest).all():
        again = (SPEND.c.process == process) & (SPEND.c.hour >= int(began // HOUR_S)) & SPEND.c.purpose.in_(COUNTED)
        connection.execute(delete(SPEND).where(again))
    connection.execute(delete(RATIO))


def learned(store: Store) -> dict[str, dict[str, int]]:
    """What is known of each model's tokens: sums by the names of :data:`~.schema.RATIOS`."""
    with store.read() as connection:
        rows = connection.execute(select(RATIO)).mappings().all()
    return {row["model"]: {name: row[name] for name in schema.RATIOS} for row in rows}


def spend_rows(
    store: Store, begin: float, end: float, by: tuple[str, ...], process: str | None = None
) -> Iterator[Any]:
    """Sums from ``begin`` to before ``end`` (Unix seconds, full hours), ``by`` these columns or "day", in their order.

    A day is counted since 1970 (UTC).
    """
    # Whole numbers: this drops what is left over, on either database.
    day = (SPEND.c.hour.op("/")(literal_column("24"))).label("day")
    keys = [day if name == "day" else SPEND.c[name] for name in by]
    sums = [func.sum(SPEND.c[name]).label(name) for name in added_columns(SPEND)]
    wanted = select(*keys, *sums).where(SPEND.c.hour >= int(begin // HOUR_S), SPEND.c.hour < int(end // HOUR_S))
    if process is not None:
        wanted = wanted.where(SPEND.c.process == process)
    wanted = wanted.group_by(*keys).having(func.sum(SPEND.c.calls) > 0).order_by(*keys)
    with store.read() as connection:
        yield from connection.execute(wanted).mappings()
