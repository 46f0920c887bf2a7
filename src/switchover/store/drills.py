"""Cut-offs, real and drilled, and the drills themselves."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Row, or_, select, update
from sqlalchemy.exc import IntegrityError

from switchover.domain.cut_off import CutOff, Drill, Target, TargetKind
from switchover.errors import OperatorError

from . import schema
from .database import Store, upsert
from .facts import Fact, fact
from .versions import bump

TABLE = schema.cut_off
LIVE = frozenset({"running"})
# Two who cut the same off for the same time do so within a minute, and mean one cut-off.
TOGETHER_S = 60.0

_drill = msgspec.msgpack.Decoder(Drill)
_settings = msgspec.json.Decoder(dict[str, float])
_words = msgspec.json.Decoder(tuple[str, ...])


def place_cut_off(store: Store, cut_off: CutOff) -> Fact:
    """Puts a cut-off in force; returns the row as a fact."""
    row = _row(cut_off)
    with store.write() as connection:
        upsert(connection, TABLE, [row])
        bump(connection)
    return fact("cut-off", row)


def place_once(store: Store, cut_off: CutOff) -> tuple[CutOff, Fact | None]:
    """Puts a real cut-off in force unless its target is cut off already, for as long; the fact of one that is new.

    Of two who place it at the same moment one does, and the other is told so: there is one writer at a time. What
    would lapse a minute or more before the new one does not stand for it.
    """
    row = _row(cut_off)
    target = (TABLE.c.target_kind == row["target_kind"]) & (TABLE.c.target_name == row["target_name"])
    as_long: Any = TABLE.c.expires_at.is_(None)
    if cut_off.expires_at is not None:
        as_long |= TABLE.c.expires_at > cut_off.expires_at - TOGETHER_S
    standing = select(TABLE).where(target, TABLE.c.fault.is_(None), TABLE.c.processes == row["processes"], as_long)
    with store.write() as connection:
        found = connection.execute(standing.where(_in_force(cut_off.placed_at)).limit(1)).one_or_none()
        if found is not None:
            return _cut_off(found), None
        upsert(connection, TABLE, [row])
        bump(connection)
    return cut_off, fact("cut-off", row)


def lift_cut_off(store: Store, which: Target | str | None, by: str, at: float) -> int:
    """Lifts what is in force for a target, or under an id; None lifts all. Returns how many that were."""
    change = update(TABLE).where(_in_force(at)).values(lifted_at=at, lifted_by=by)
    if isinstance(which, Target):
        change = change.where(TABLE.c.target_kind == which.kind.value, TABLE.c.target_name == which.name)
    elif which is not None:
        change = change.where(TABLE.c.id == which)
    with store.write() as connection:
        lifted = connection.execute(change).rowcount
        if lifted:
            bump(connection)
    return lifted


def cut_offs(store: Store, *, in_force_at: float | None = None) -> list[CutOff]:
    """Every cut-off ever, or those in force at a moment (Unix seconds), oldest first."""
    wanted = select(TABLE).order_by(TABLE.c.placed_at, TABLE.c.id)
    if in_force_at is not None:
        wanted = wanted.where(_in_force(in_force_at))
    with store.read() as connection:
        return [_cut_off(row) for row in connection.execute(wanted)]


def get_cut_off(store: Store, name: str) -> tuple[CutOff, str | None] | None:
    """The cut-off with this id, and who lifted it ("expiry": it lapsed); None: there was never one."""
    with store.read() as connection:
        row = connection.execute(select(TABLE).where(TABLE.c.id == name)).one_or_none()
    return None if row is None else (_cut_off(row), row.lifted_by)


def expire_cut_offs(store: Store, now: float) -> int:
    """Marks what has expired as lifted at its expiry, so that the register's version says so; returns how many."""
    due = TABLE.c.lifted_at.is_(None) & (TABLE.c.expires_at <= now)
    with store.read() as connection:
        if connection.scalar(select(TABLE.c.id).where(due).limit(1)) is None:
            return 0
    with store.write() as connection:
        change = update(TABLE).where(due).values(lifted_at=TABLE.c.expires_at, lifted_by="expiry")
        expired = connection.execute(change).rowcount
        bump(connection)
    return expired


def heartbeat(store: Store, cut_off_id: str, at: float) -> None:
    """Says that whoever placed the cut-off is still there."""
    with store.write() as connection:
        connection.execute(update(TABLE).where(TABLE.c.id == cut_off_id).values(heartbeat_at=at))


def last_heartbeat(store: Store, cut_off_id: str) -> float | None:
    """When :func:`heartbeat` was last called for it."""
    with store.read() as connection:
        return connection.scalar(select(TABLE.c.heartbeat_at).where(TABLE.c.id == cut_off_id))


def save_drill(store: Store, drill: Drill) -> Fact:
    """Saves a drill under its id; returns the row as a fact. Raises OperatorError when it is the second one running."""
    row = {
        "id": drill.id,
        "process": drill.process,
        "state": drill.state,
        "begun_at": drill.begun_at,
        "live": 1 if drill.state in LIVE else None,
        "body": msgspec.msgpack.encode(drill),
    }
    try:
        with store.write() as connection:
            upsert(connection, schema.drill, [row])
    except IntegrityError as cause:
        raise OperatorError(
            "another drill is running: one at a time", mend="wait until it ends; `switchover drill` shows it"
        ) from cause
    return fact("drill", row)


def drills(store: Store, process: str | None = None) -> list[Drill]:
    """Every drill (of a process), newest first."""
    table = schema.drill
    wanted = select(table.c.body).order_by(table.c.begun_at.desc(), table.c.id.desc())
    if process is not None:
        wanted = wanted.where(table.c.process == process)
    with store.read() as connection:
        return [_drill.decode(body) for body in connection.scalars(wanted)]


def get_drill(store: Store, name: str) -> Drill | None:
    """The drill with this id."""
    with store.read() as connection:
        body = connection.scalar(select(schema.drill.c.body).where(schema.drill.c.id == name))
    return _drill.decode(body) if body is not None else None


def _in_force(now: float) -> Any:
    return TABLE.c.lifted_at.is_(None) & or_(TABLE.c.expires_at.is_(None), TABLE.c.expires_at > now)


def _row(cut_off: CutOff) -> dict[str, Any]:
    return {
        "id": cut_off.id,
        "target_kind": cut_off.target.kind.value,
        "target_name": cut_off.target.name,
        "reason": cut_off.reason,
        "by": cut_off.by,
        "placed_at": cut_off.placed_at,
        "expires_at": cut_off.expires_at,
        "fault": cut_off.fault,
        "settings": msgspec.json.encode(cut_off.settings).decode(),
        "drill": cut_off.drill,
        "share": cut_off.share,
        "processes": msgspec.json.encode(cut_off.processes).decode(),
        "lifted_at": cut_off.lifted_at,
    }


def _cut_off(row: Row[Any]) -> CutOff:
    return CutOff(
        id=row.id,
        target=Target(TargetKind(row.target_kind), row.target_name),
        reason=row.reason,
        by=row.by,
        placed_at=row.placed_at,
        expires_at=row.expires_at,
        fault=row.fault,
        settings=_settings.decode(row.settings),
        drill=row.drill,
        share=row.share,
        processes=_words.decode(row.processes),
        lifted_at=row.lifted_at,
    )
