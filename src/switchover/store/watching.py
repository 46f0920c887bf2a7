"""What the watch keeps: its schedule, what it spent, what upstreams did when they were asked, retirements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import delete, func, select

from switchover.domain.process import Settings
from switchover.domain.watching import DAY_S, Probe, Retirement

from . import schema
from .database import Store, upsert

# So long probes and spending are kept: a quarter and its last month.
KEPT_S = 120 * DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """A step of the round: first wanted and last run at these moments; ``trouble`` kept it from its work then."""

    name: str
    wanted_at: float
    ran_at: float | None
    trouble: str


def step_runs(store: Store) -> dict[str, StepRun]:
    """Every step that was ever wanted, by name."""
    table = schema.watch_step
    with store.read() as connection:
        return {row.name: StepRun(**row._mapping) for row in connection.execute(select(table))}


def want_steps(store: Store, names: Iterable[str], at: float) -> None:
    """Notes since when steps are wanted; those that are known stay as they are."""
    rows = [{"name": name, "wanted_at": at, "ran_at": None, "trouble": ""} for name in names]
    with store.write() as connection:
        upsert(connection, schema.watch_step, rows, update=False)


def save_step_run(store: Store, name: str, at: float, trouble: str = "") -> None:
    """Notes that a step ran at ``at``."""
    table = schema.watch_step
    with store.write() as connection:
        upsert(connection, table, [{"name": name, "wanted_at": at, "ran_at": None, "trouble": ""}], update=False)
        connection.execute(table.update().where(table.c.name == name).values(ran_at=at, trouble=trouble))


def spent(store: Store, day: str, what: str) -> int:
    """How much of something was spent on a day (ISO date, UTC)."""
    table = schema.watch_spent
    with store.read() as connection:
        found = connection.scalar(select(table.c.amount).where(table.c.day == day, table.c.what == what))
    return int(found or 0)


def spend(store: Store, day: str, amounts: Iterable[tuple[str, int, int | None]]) -> bool:
    """Adds (what, amount, most) to what was spent on a day: all of them, or none where one would exceed its most."""
    table = schema.watch_spent
    with store.write() as connection:
        rows = []
        for what, amount, most in amounts:
            known = connection.scalar(select(table.c.amount).where(table.c.day == day, table.c.what == what)) or 0
            if most is not None and amount > 0 and known + amount > most:
                return False
            rows.append({"day": day, "what": what, "amount": known + amount})
        for row in rows:
            upsert(connection, table, [row])
    return True


def save_probe(store: Store, probe: Probe) -> None:
    """Keeps what an upstream did; what is older than four months goes."""
    table = schema.probe
    with store.write() as connection:
        upsert(connection, table, [asdict(probe)])
        connection.execute(delete(table).where(table.c.at < probe.at - KEPT_S))


def newest_probes(store: Store) -> dict[str, Probe]:
    """The last probe of each upstream."""
    table = schema.probe
    newest = select(table.c.upstream, func.max(table.c.at).label("at")).group_by(table.c.upstream).subquery()
    wanted = select(table).join(newest, (table.c.upstream == newest.c.upstream) & (table.c.at == newest.c.at))
    with store.read() as connection:
        return {row.upstream: Probe(**row._mapping) for row in connection.execute(wanted)}


def failing_since(store: Store, upstream: str) -> float | None:
    """The first of the probes that failed in a row up to the last one; None where that was well."""
    table = schema.probe
    well = select(func.max(table.c.at)).where(table.c.upstream == upstream, table.c.failed.is_(None))
    with store.read() as connection:
        last = connection.scalar(well)
        wanted = select(func.min(table.c.at)).where(table.c.upstream == upstream, table.c.failed.is_not(None))
        found = connection.scalar(wanted if last is None else wanted.where(table.c.at > last))
    return None if found is None else float(found)


def save_retirement(store: Store, found: Retirement) -> bool:
    """Keeps a retirement; False for one that was known."""
    table = schema.retirement
    with store.write() as connection:
        known = select(table.c.model).where(
            table.c.upstream == found.upstream, table.c.model == found.model, table.c.day == found.day
        )
        if connection.scalar(known) is not None:
            return False
        upsert(connection, table, [asdict(found)], update=False)
    return True


def retirements(store: Store) -> list[Retirement]:
    """Every retirement that was told, the soonest first."""
    table = schema.retirement
    with store.read() as connection:
        rows = connection.execute(select(table).order_by(table.c.day, table.c.upstream, table.c.told_at))
        return [Retirement(**row._mapping) for row in rows]


def retiring(store: Store, settings: Settings) -> dict[str, Retirement]:
    """The soonest retirement of each upstream's model as it is configured now."""
    found: dict[str, Retirement] = {}
    for one in retirements(store):
        spec = settings.upstreams.get(one.upstream)
        if spec is not None and spec.model == one.model and (spec.retires is None or one.day == spec.retires):
            found.setdefault(one.upstream, one)
    return found
