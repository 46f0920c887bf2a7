"""Canaries: fixed prompts with the answers an upstream gave to them, and how far later answers agreed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import func, select, update

from switchover.domain.watching import Canary

from . import schema
from .database import Store, upsert
from .words import beside, said

TABLE, CALLS = schema.canary, schema.canary_call


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryCall:
    """An answer to a canary of the set ``name``: how far it agreed (0-1), or None for the ``reason`` given."""

    name: str
    at: float
    exchange: str
    score: float | None
    reason: str = ""


def save_canaries(store: Store, canaries: Iterable[Canary]) -> None:
    """Keeps a set; each answer under the key of its exchange, and erased with it."""
    with store.write() as connection:
        for canary in canaries:
            words = beside(store, connection, canary.exchange, f"canary {canary.name}", canary.answer)
            row = asdict(canary) | {"answer": words["text"], "key": words["key"]}
            upsert(connection, TABLE, [row])


def canaries(store: Store, process: str, upstream: str) -> list[Canary]:
    """Those of the set that is asked, in order of their exchanges; without those whose answer was erased."""
    wanted = select(TABLE).where(TABLE.c.process == process, TABLE.c.upstream == upstream, TABLE.c.ended_at.is_(None))
    with store.read() as connection:
        rows = [dict(row._mapping) for row in connection.execute(wanted.order_by(TABLE.c.drawn_at, TABLE.c.exchange))]
    found = []
    for row in rows:
        del row["ended_at"]
        row["answer"] = said(store, row["exchange"], f"canary {row['name']}", row.pop("key"), row["answer"])
        if row["answer"]:
            found.append(Canary(**row))
    return found


def end_canaries(store: Store, process: str, upstream: str, at: float) -> None:
    """The upstream's set is not asked any more."""
    with store.write() as connection:
        gone = (TABLE.c.process == process) & (TABLE.c.upstream == upstream) & TABLE.c.ended_at.is_(None)
        connection.execute(update(TABLE).where(gone).values(ended_at=at))


def save_canary_call(store: Store, call: CanaryCall) -> None:
    """Keeps how far an answer agreed."""
    with store.write() as connection:
        upsert(connection, CALLS, [asdict(call)])


def canary_calls(store: Store, name: str) -> list[CanaryCall]:
    """Every answer to a set's canaries, in order."""
    wanted = select(CALLS).where(CALLS.c.name == name).order_by(CALLS.c.at, CALLS.c.exchange)
    with store.read() as connection:
        return [CanaryCall(**row._mapping) for row in connection.execute(wanted)]


def canaries_asked(store: Store, names: Sequence[str], since: float) -> int:
    """How many calls were made of these sets since then."""
    wanted = select(func.count()).select_from(CALLS).where(CALLS.c.name.in_(list(names)), CALLS.c.at > since)
    with store.read() as connection:
        return int(connection.scalar(wanted) or 0)
