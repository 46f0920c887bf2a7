"""Scored cases of a cell, and second samples of the baseline."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import msgspec
from sqlalchemy import select

from switchover.domain.candidate import ScoredCase

from . import schema
from .database import Store, upsert
from .words import beside, said

_words = msgspec.json.Decoder(tuple[str, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The scores of one graded case, without its words."""

    exchange_id: str
    graded_at: float
    candidate: float
    baseline: float
    shadow: bool


def save_score(store: Store, row: ScoredCase) -> None:
    """Saves a scored case; the same exchange in the same cell is replaced."""
    with store.write() as connection:
        words = beside(store, connection, row.exchange_id, row.cell_id, row.answer)
        changed = {"slices": msgspec.json.encode(row.slices).decode(), "answer": words["text"], "key": words["key"]}
        upsert(connection, schema.scored_case, [asdict(row) | changed])


def scored_cases(store: Store, cell_id: str) -> list[ScoredCase]:
    """The cell's ledger, in the order of grading."""
    cases = schema.scored_case
    wanted = select(cases).where(cases.c.cell_id == cell_id).order_by(cases.c.graded_at, cases.c.exchange_id)
    with store.read() as connection:
        rows = [dict(row._mapping) for row in connection.execute(wanted)]
    for row in rows:
        row["answer"] = said(store, row["exchange_id"], cell_id, row.pop("key"), row["answer"])
    return [ScoredCase(**row | {"slices": _words.decode(row["slices"])}) for row in rows]


def differences(store: Store, cell_id: str) -> list[Difference]:
    """The cell's graded cases in the order of grading, without words."""
    cases = schema.scored_case
    columns = (cases.c.exchange_id, cases.c.graded_at, cases.c.candidate, cases.c.baseline, cases.c.shadow)
    graded = cases.c.candidate.is_not(None) & cases.c.baseline.is_not(None)
    wanted = select(*columns).where(cases.c.cell_id == cell_id, graded).order_by(cases.c.graded_at, cases.c.exchange_id)
    with store.read() as connection:
        return [Difference(**row._mapping) for row in connection.execute(wanted)]


def bare_cases(store: Store, cell_id: str) -> list[ScoredCase]:
    """The cell's ledger without what was said, so that nothing has to be opened."""
    cases = schema.scored_case
    columns = [column for column in cases.c if column.name not in ("key", "answer")]
    wanted = select(*columns).where(cases.c.cell_id == cell_id).order_by(cases.c.graded_at, cases.c.exchange_id)
    with store.read() as connection:
        rows = [dict(row._mapping) for row in connection.execute(wanted)]
    return [ScoredCase(**row | {"slices": _words.decode(row["slices"])}) for row in rows]


def save_baseline_sample(
    store: Store, process: str, exchange_id: str, epoch: str, answer_text: str | None, taken_at: float
) -> None:
    """Keeps what the baseline answered when it was asked the exchange's request a second time; None: no answer."""
    row: dict[str, object] = {
        "process": process,
        "epoch": epoch,
        "exchange_id": exchange_id,
        "taken_at": taken_at,
    }
    with store.write() as connection:
        words = beside(store, connection, exchange_id, f"{process} {epoch}", answer_text)
        row |= {"answer_text": words["text"], "key": words["key"]}
        upsert(connection, schema.baseline_sample, [row])


def baseline_samples(store: Store, process: str, epoch: str) -> dict[str, str | None]:
    """Second answers of the baseline in this epoch, by exchange id; those that were erased are left out."""
    samples = schema.baseline_sample
    wanted = select(samples).where(samples.c.process == process, samples.c.epoch == epoch)
    with store.read() as connection:
        rows = connection.execute(wanted).all()
    name = f"{process} {epoch}"
    found = {row.exchange_id: said(store, row.exchange_id, name, row.key, row.answer_text) for row in rows}
    return {exchange: text for exchange, text in found.items() if text != ""}
