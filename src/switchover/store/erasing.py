"""The words of exchanges taken out of the store, with whatever was made of them; what is counted stays."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, text, update

from switchover.domain.process import Bodies

from . import schema
from .database import Store
from .facts import Fact, fact
from .ring import Reach
from .versions import bump

TABLE = schema.exchange
PAGE = 1000
KEPT_WORDS = (Bodies.FULL.value, Bodies.REDACTED.value, Bodies.METADATA.value)


@dataclass(slots=True)
class Gone:
    """What an erasure takes from the store: exchanges, prompt versions with their artefacts, proofs that rest on them.

    ``in_clear``: so many of the bodies were not sealed.
    """

    exchanges: int = 0
    in_clear: int = 0
    versions: set[str] = field(default_factory=set)
    artefacts: set[str] = field(default_factory=set)
    proofs: int = 0


def would_go(store: Store, reach: Reach) -> Gone:
    """What :func:`erase_words` would take."""
    condition = _condition(reach)
    versions, proofs, body = schema.prompt_version, schema.proof, schema.body
    with store.read() as connection:
        counted = connection.scalar(select(func.count()).select_from(TABLE).where(condition)) or 0
        reached = select(TABLE.c.id).where(condition)
        clear = select(func.count()).select_from(body).where(body.c.key == "", body.c.exchange.in_(reached))
        taught = select(schema.lesson.c.prompt_version).where(schema.lesson.c.exchange.in_(reached)).distinct()
        wanted = select(versions.c.id, versions.c.artefact).where(versions.c.withdrawn_at.is_(None))
        rows = connection.execute(wanted.where(versions.c.id.in_(taught))).all()
        names = {row.id for row in rows}
        resting = proofs.c.revoked_at.is_(None) & proofs.c.prompt_version.in_(names)
        return Gone(
            exchanges=int(counted),
            in_clear=int(connection.scalar(clear) or 0),
            versions=names,
            artefacts={row.artefact for row in rows if row.artefact},
            proofs=int(connection.scalar(select(func.count()).select_from(proofs).where(resting)) or 0),
        )


def erase_words(store: Store, reach: Reach, at: float) -> Gone:
    """Takes the words out, page by page: killed midway and begun again it goes on.

    Prompt versions that were made of any of it are withdrawn and their proofs revoked, as of ``at``.
    """
    gone, last, condition = Gone(), "", _condition(reach)
    while True:
        page = select(TABLE.c.id).where(condition, TABLE.c.id > last).order_by(TABLE.c.id).limit(PAGE)
        with store.write() as connection:
            names = list(connection.scalars(page))
            if not names:
                return gone
            _withdraw(connection, names, at, gone)
            _take_out(connection, names, gone)
        last = names[-1]


def save_erasure(store: Store, row: dict[str, object]) -> Fact:
    """Saves what was erased, for whom and why; returns the row as a fact."""
    with store.write() as connection:
        connection.execute(insert(schema.erasure), row)
    return fact("erasure", row)


def erasures(store: Store) -> list[dict[str, Any]]:
    """Every erasure, oldest first."""
    with store.read() as connection:
        return [dict(row._mapping) for row in connection.execute(select(schema.erasure).order_by(schema.erasure.c.at))]


def count_erased(store: Store, process: str) -> int:
    """How many exchanges of a process were erased."""
    with store.read() as connection:
        wanted = select(func.count()).select_from(TABLE)
        erased = wanted.where(TABLE.c.process == process, TABLE.c.bodies == Bodies.ERASED.value)
        return int(connection.scalar(erased) or 0)


def shed(store: Store) -> None:
    """Lets go of what SQLite's log still holds of rows that were overwritten."""
    if store.engine.dialect.name == "sqlite":
        with store.engine.connect() as connection:
            raw = connection.execution_options(isolation_level="AUTOCOMMIT")
            raw.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


def _withdraw(connection: Connection, names: Sequence[str], at: float, gone: Gone) -> None:
    versions, proofs, lesson = schema.prompt_version, schema.proof, schema.lesson
    taught = select(lesson.c.prompt_version).where(lesson.c.exchange.in_(names)).distinct()
    wanted = select(versions.c.id, versions.c.artefact).where(versions.c.id.in_(taught))
    # Those that are withdrawn already too: an erasure that was killed may not have removed their artefacts.
    rows = connection.execute(wanted).all()
    if not rows:
        return
    found = {row.id for row in rows}
    gone.versions |= found
    gone.artefacts |= {row.artefact for row in rows if row.artefact}
    fresh = versions.c.id.in_(found) & versions.c.withdrawn_at.is_(None)
    connection.execute(update(versions).where(fresh).values(withdrawn_at=at))
    resting = proofs.c.prompt_version.in_(found) & proofs.c.revoked_at.is_(None)
    gone.proofs += connection.execute(update(proofs).where(resting).values(revoked_at=at)).rowcount
    bump(connection)


def _take_out(connection: Connection, names: Sequence[str], gone: Gone) -> None:
    body, cases, samples = schema.body, schema.scored_case, schema.baseline_sample
    gone.exchanges += len(names)
    clear = select(func.count()).select_from(body).where(body.c.exchange.in_(names), body.c.key == "")
    gone.in_clear += connection.scalar(clear) or 0
    said = cases.c.exchange_id.in_(names) & cases.c.answer.is_not(None)
    connection.execute(update(cases).where(said).values(answer="", key=""))
    # A judge gives its reason in its own words, and they may be the person's.
    judged = cases.c.exchange_id.in_(names) & (cases.c.judge_calls > 0)
    connection.execute(update(cases).where(judged).values(reason=""))
    said = samples.c.exchange_id.in_(names) & samples.c.answer_text.is_not(None)
    connection.execute(update(samples).where(said).values(answer_text="", key=""))
    canary = schema.canary
    said = canary.c.exchange.in_(names) & canary.c.answer.is_not(None)
    connection.execute(update(canary).where(said).values(answer="", key=""))
    connection.execute(delete(body).where(body.c.exchange.in_(names)))
    kept = TABLE.c.id.in_(names) & TABLE.c.bodies.in_(KEPT_WORDS)
    connection.execute(update(TABLE).where(kept).values(bodies=Bodies.ERASED.value))
    connection.execute(update(TABLE).where(TABLE.c.id.in_(names)).values(metadata="{}", subject=None))


def _condition(reach: Reach) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = []
    if reach.process is not None:
        parts.append(TABLE.c.process == reach.process)
    if reach.subject is not None:
        parts.append(TABLE.c.subject == reach.subject)
    if reach.first is not None:
        parts.append(TABLE.c.started_at >= month_begins(reach.first))
    if reach.last is not None:
        parts.append(TABLE.c.started_at < month_begins(reach.last, after=1))
    return and_(*parts)


def month_begins(month: str, *, after: int = 0) -> float:
    """When a month ("2026-03"), or the one so many months ``after`` it, begins in UTC, in Unix seconds."""
    number = int(month[:4]) * 12 + int(month[5:7]) - 1 + after
    return float(calendar.timegm((number // 12, number % 12 + 1, 1, 0, 0, 0)))
