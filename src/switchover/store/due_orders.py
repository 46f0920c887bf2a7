"""Due orders: opened once, taken by one runner at a time for as long as it renews, done once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update

from switchover.domain.watching import DueOrder, OrderState, Why

from . import schema
from .database import Store, upsert

TABLE = schema.due_order
WAITING = (OrderState.OPEN.value, OrderState.TAKEN.value)


def open_order(store: Store, order: DueOrder) -> bool:
    """Leaves an order; False where its id is known, or one for the same candidate and reason still waits."""
    same = and_(
        TABLE.c.process == order.process,
        TABLE.c.candidate == order.candidate,
        TABLE.c.prompt_version.is_(None)
        if order.prompt_version is None
        else TABLE.c.prompt_version == order.prompt_version,
        TABLE.c.why == order.why.value,
        TABLE.c.state.in_(WAITING),
    )
    with store.write() as connection:
        if connection.scalar(select(TABLE.c.id).where(or_(TABLE.c.id == order.id, same)).limit(1)) is not None:
            return False
        upsert(connection, TABLE, [asdict(order) | {"why": order.why.value, "state": order.state.value}], update=False)
    return True


def due_orders(store: Store, *, waiting: bool = False, limit: int = 1000) -> list[DueOrder]:
    """Orders, newest first; only those that wait or are being run, if so asked."""
    wanted = select(TABLE).order_by(TABLE.c.opened_at.desc(), TABLE.c.id).limit(limit)
    if waiting:
        wanted = wanted.where(TABLE.c.state.in_(WAITING))
    with store.read() as connection:
        return [_order(row._mapping) for row in connection.execute(wanted)]


def takable(store: Store, now: float) -> list[DueOrder]:
    """Orders that a runner may take now, in no order of worth."""
    with store.read() as connection:
        rows = connection.execute(select(TABLE).where(_free(now), TABLE.c.not_before <= now).order_by(TABLE.c.id))
        return [_order(row._mapping) for row in rows]


def take_order(store: Store, name: str, holder: str, *, now: float, seconds: float) -> bool:
    """Takes an order for so long; False where somebody else has it, or it is done."""
    taken = {"state": OrderState.TAKEN.value, "taken_by": holder, "taken_at": now, "taken_until": now + seconds}
    with store.write() as connection:
        change = update(TABLE).where(TABLE.c.id == name, _free(now)).values(**taken, tries=TABLE.c.tries + 1)
        return connection.execute(change).rowcount == 1


def renew_order(store: Store, name: str, holder: str, until: float) -> bool:
    """Holds on to a taken order; False where it is somebody else's by now."""
    with store.write() as connection:
        return connection.execute(update(TABLE).where(_held(name, holder)).values(taken_until=until)).rowcount == 1


def count_calls(store: Store, name: str, holder: str, calls: int) -> None:
    """So many calls more were made for a taken order."""
    with store.write() as connection:
        connection.execute(update(TABLE).where(_held(name, holder)).values(calls=TABLE.c.calls + calls))


def put_back(
    store: Store, name: str, holder: str, *, not_before: float, trouble: str = "", failed: bool = True
) -> bool:
    """Leaves an order for another time; ``failed`` False: that was no failed try."""
    left = {
        "state": OrderState.OPEN.value, "taken_by": None, "taken_until": None, "not_before": not_before,
        "trouble": trouble, "tries": TABLE.c.tries - (0 if failed else 1),
    }  # fmt: skip
    return _end(store, name, holder, left)


def finish_order(store: Store, name: str, holder: str, *, verdict: str, now: float) -> bool:
    """The order is done with this verdict; False where somebody else has it by now."""
    done = {"state": OrderState.DONE.value, "done_at": now, "verdict": verdict, "trouble": "", "taken_until": None}
    return _end(store, name, holder, done)


def give_up(store: Store, name: str, holder: str, *, now: float, trouble: str) -> bool:
    """Nobody tries the order again."""
    ended = {"state": OrderState.GIVEN_UP.value, "done_at": now, "trouble": trouble, "taken_until": None}
    return _end(store, name, holder, ended)


def withdraw(store: Store, names: Collection[str], *, now: float, trouble: str) -> int:
    """Ends orders that wait for what is no longer wanted; returns how many."""
    ended = {"state": OrderState.GIVEN_UP.value, "done_at": now, "trouble": trouble}
    waits = and_(TABLE.c.id.in_(names), TABLE.c.state == OrderState.OPEN.value)
    with store.write() as connection:
        return connection.execute(update(TABLE).where(waits).values(**ended)).rowcount


def let_go(store: Store, holder: str) -> int:
    """Puts back what runners held that are known to be gone: those whose name begins so; returns how many orders."""
    gone = and_(TABLE.c.taken_by.startswith(holder, autoescape=True), TABLE.c.state == OrderState.TAKEN.value)
    left = {"state": OrderState.OPEN.value, "taken_by": None, "taken_until": None}
    with store.write() as connection:
        return connection.execute(update(TABLE).where(gone).values(**left)).rowcount


def _end(store: Store, name: str, holder: str, values: dict[str, Any]) -> bool:
    with store.write() as connection:
        return connection.execute(update(TABLE).where(_held(name, holder)).values(**values)).rowcount == 1


def _held(name: str, holder: str) -> ColumnElement[bool]:
    return and_(TABLE.c.id == name, TABLE.c.taken_by == holder, TABLE.c.state == OrderState.TAKEN.value)


def _free(now: float) -> ColumnElement[bool]:
    lapsed = and_(TABLE.c.state == OrderState.TAKEN.value, TABLE.c.taken_until <= now)
    return or_(TABLE.c.state == OrderState.OPEN.value, lapsed)


def _order(row: Any) -> DueOrder:
    return DueOrder(**dict(row) | {"why": Why(row["why"]), "state": OrderState(row["state"])})
