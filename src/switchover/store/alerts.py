"""Alerts as they were raised, each once, and their deliveries, which a keeper takes for a while and tries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Update, and_, delete, or_, select, update

from switchover.domain.alert import Alert, AlertKind, Delivery, DeliveryState

from . import schema
from .database import Store, upsert

ALERTS, DELIVERIES = schema.alert, schema.alert_delivery
# As long as a year's accounts are looked back on.
KEPT_S = 400 * 86_400.0
FREE = {"taken_by": None, "taken_until": None}
COLUMNS = [DELIVERIES.c[name] for name in ("alert", "channel", "state", "tries", "not_before", "done_at", "trouble")]


def raise_alert(store: Store, alert: Alert, channels: Iterable[str]) -> bool:
    """Saves an alert with its deliveries to come, in one transaction; False where it was raised before, by anybody.

    A mark of a cap is also known once a higher one was told.
    """
    with store.write() as connection:
        same = and_(
            ALERTS.c.kind == alert.kind, ALERTS.c.about == alert.about, ALERTS.c.period == alert.period,
            ALERTS.c.amount == alert.amount, ALERTS.c.percent >= alert.percent,
        )  # fmt: skip
        if connection.scalar(select(ALERTS.c.id).where(same).limit(1)) is not None:
            return False
        upsert(connection, ALERTS, [asdict(alert) | {"kind": alert.kind.value}], update=False)
        # Somebody else may have been faster by a moment, of whom nothing was to be seen before.
        if connection.scalar(select(ALERTS.c.id).where(same, ALERTS.c.percent == alert.percent)) != alert.id:
            return False
        rows = [
            {"alert": alert.id, "channel": name, "state": DeliveryState.WAITING.value, "tries": 0,
             "not_before": alert.at, **FREE, "done_at": None, "trouble": ""}
            for name in channels
        ]  # fmt: skip
        upsert(connection, DELIVERIES, rows, update=False)
        old = select(ALERTS.c.id).where(ALERTS.c.at < alert.at - KEPT_S)
        connection.execute(delete(DELIVERIES).where(DELIVERIES.c.alert.in_(old)))
        connection.execute(delete(ALERTS).where(ALERTS.c.at < alert.at - KEPT_S))
    return True


def take_delivery(store: Store, channel: str, holder: str, now: float, seconds: float) -> tuple[Alert, int] | None:
    """Takes the oldest delivery to a channel that is due, for so long, with how often it was tried; None: none is."""
    due = _due(channel, now)
    wanted = select(ALERTS, DELIVERIES.c.tries).join(DELIVERIES, DELIVERIES.c.alert == ALERTS.c.id).where(due)
    with store.read() as connection:
        if connection.execute(wanted.limit(1)).first() is None:
            return None
    with store.write() as connection:
        row = connection.execute(wanted.order_by(ALERTS.c.at, ALERTS.c.id).limit(1)).first()
        if row is None:
            return None
        taken = {"taken_by": holder, "taken_until": now + seconds}
        mine = update(DELIVERIES).where(DELIVERIES.c.alert == row.id, due).values(**taken)
        if connection.execute(mine).rowcount == 0:
            # Another keeper was faster.
            return None
        return _alert(row._mapping), row.tries


def delivered(store: Store, alert: str, channel: str, at: float) -> None:
    """It reached the channel."""
    values = {"state": DeliveryState.DELIVERED.value, "done_at": at, "trouble": "", **FREE}
    with store.write() as connection:
        connection.execute(_one(alert, channel).values(tries=DELIVERIES.c.tries + 1, **values))


def not_delivered(
    store: Store, alert: str, channel: str, holder: str, trouble: str, *, again_at: float | None, at: float
) -> None:
    """It did not reach the channel: to be tried again at a moment, or given up."""
    over: dict[str, Any] = {"state": DeliveryState.GIVEN_UP.value, "done_at": at}
    values = {"trouble": trouble, **FREE} | (over if again_at is None else {"not_before": again_at})
    mine = DELIVERIES.c.taken_by == holder
    with store.write() as connection:
        connection.execute(_one(alert, channel).where(mine).values(tries=DELIVERIES.c.tries + 1, **values))


def give_back(store: Store, channel: str, holder: str) -> None:
    """Whoever took deliveries to a channel is about to end: they may be tried by anybody at once."""
    mine = and_(DELIVERIES.c.channel == channel, DELIVERIES.c.taken_by == holder)
    with store.write() as connection:
        connection.execute(update(DELIVERIES).where(mine).values(**FREE))


def give_up_without_channel(store: Store, channels: Sequence[str], at: float, since: float) -> int:
    """Gives up what waits, since before ``since``, for a channel that is none of these; how many."""
    waiting = and_(DELIVERIES.c.state == DeliveryState.WAITING.value, DELIVERIES.c.not_before < since)
    gone = and_(waiting, DELIVERIES.c.channel.not_in(channels))
    values = {"state": DeliveryState.GIVEN_UP.value, "done_at": at, "trouble": "its channel is not configured any more"}
    with store.read() as connection:
        if connection.execute(select(DELIVERIES.c.alert).where(gone).limit(1)).first() is None:
            return 0
    with store.write() as connection:
        return connection.execute(update(DELIVERIES).where(gone).values(**values)).rowcount


def newest_alerts(store: Store, most: int) -> list[tuple[Alert, list[Delivery]]]:
    """The last alerts, the newest first, each with its deliveries by channel."""
    return _with_deliveries(store, None, most)


def alerts_of(store: Store, periods: Sequence[str]) -> list[tuple[Alert, list[Delivery]]]:
    """The alerts about these periods, the newest first, each with its deliveries by channel."""
    return _with_deliveries(store, ALERTS.c.period.in_(periods), None)


def undelivered(store: Store) -> list[tuple[Alert, Delivery]]:
    """Deliveries that were tried in vain, the oldest alert first: they wait, or were given up."""
    tried = or_(
        DELIVERIES.c.state == DeliveryState.GIVEN_UP.value,
        and_(DELIVERIES.c.state == DeliveryState.WAITING.value, DELIVERIES.c.tries > 0),
    )
    wanted = select(ALERTS, *(column.label(f"delivery_{column.name}") for column in COLUMNS))
    wanted = wanted.join(DELIVERIES, DELIVERIES.c.alert == ALERTS.c.id).where(tried)
    with store.read() as connection:
        rows = connection.execute(wanted.order_by(ALERTS.c.at, ALERTS.c.id, DELIVERIES.c.channel)).all()
    return [
        (_alert(row._mapping), _delivery({column.name: row._mapping[f"delivery_{column.name}"] for column in COLUMNS}))
        for row in rows
    ]


def _with_deliveries(
    store: Store, where: ColumnElement[bool] | None, most: int | None
) -> list[tuple[Alert, list[Delivery]]]:
    wanted = select(ALERTS).order_by(ALERTS.c.at.desc(), ALERTS.c.id).limit(most)
    if where is not None:
        wanted = wanted.where(where)
    with store.read() as connection:
        found = [_alert(row._mapping) for row in connection.execute(wanted)]
        to = select(*COLUMNS).where(DELIVERIES.c.alert.in_([one.id for one in found])).order_by(DELIVERIES.c.channel)
        ways = [_delivery(dict(row._mapping)) for row in connection.execute(to)]
    return [(one, [way for way in ways if way.alert == one.id]) for one in found]


def _due(channel: str, now: float) -> ColumnElement[bool]:
    free = or_(DELIVERIES.c.taken_until.is_(None), DELIVERIES.c.taken_until <= now)
    waiting = DELIVERIES.c.state == DeliveryState.WAITING.value
    return and_(DELIVERIES.c.channel == channel, waiting, DELIVERIES.c.not_before <= now, free)


def _one(alert: str, channel: str) -> Update:
    waiting = DELIVERIES.c.state != DeliveryState.DELIVERED.value
    return update(DELIVERIES).where(DELIVERIES.c.alert == alert, DELIVERIES.c.channel == channel, waiting)


def _alert(row: RowMapping) -> Alert:
    named = {name: row[name] for name in Alert.__dataclass_fields__}
    return Alert(**named | {"kind": AlertKind(row["kind"])})


def _delivery(row: Mapping[str, Any]) -> Delivery:
    return Delivery(**{**row, "state": DeliveryState(row["state"])})
