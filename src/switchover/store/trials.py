"""Scored cases of a cell, and second samples of the baseline.

A case counts from the moment its turn comes. One that was scored ahead of its turn waits under a cell of its own,
:func:`waiting_room`, and is moved from there: whoever reads the cell sees what counts and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace

import msgspec
from sqlalchemy import Connection, delete, select

from switchover.domain.candidate import ScoredCase

from . import schema
from .database import Store, upsert
from .words import keys_of, said, under

_words = msgspec.json.Decoder(tuple[str, ...])

# No id of a cell, which are hex digits, ends so.
WAITING = "+"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineSample:
    """What the baseline answered when it was asked an exchange's request a second time; None: no answer."""

    process: str
    epoch: str
    exchange_id: str
    answer_text: str | None
    taken_at: float


@dataclass(slots=True)
class Batch:
    """What trials write in one go.

    ``waiting``: scored ahead of their turn. ``counted``: their turn has come. ``samples``: of the baseline.
    """

    waiting: dict[tuple[str, str], ScoredCase] = field(default_factory=dict)
    counted: dict[tuple[str, str], ScoredCase] = field(default_factory=dict)
    samples: list[BaselineSample] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.waiting or self.counted or self.samples)

    def wait(self, row: ScoredCase) -> None:
        """One more that was scored ahead of its turn."""
        self.waiting[row.cell_id, row.exchange_id] = row

    def count(self, row: ScoredCase) -> None:
        """Its turn has come: it need not wait any more, if it still did."""
        self.waiting.pop((row.cell_id, row.exchange_id), None)
        self.counted[row.cell_id, row.exchange_id] = row


def waiting_room(cell_id: str) -> str:
    """The cell under which cases of ``cell_id`` wait for their turn."""
    return f"{cell_id}{WAITING}"


def save_batch(store: Store, batch: Batch) -> None:
    """Saves all of it, or nothing; what is there already is replaced."""
    rooms = [replace(row, cell_id=waiting_room(row.cell_id)) for row in batch.waiting.values()]
    rows = [*rooms, *batch.counted.values()]
    with store.write() as connection:
        about = {row.exchange_id for row in rows} | {sample.exchange_id for sample in batch.samples}
        keys = keys_of(connection, sorted(about)) if store.sealer is not None else {}
        upsert(connection, schema.scored_case, [_scored(store, keys, row) for row in rows])
        upsert(connection, schema.baseline_sample, [_sample(store, keys, sample) for sample in batch.samples])
        _leave_waiting(connection, batch.counted.values())


def _leave_waiting(connection: Connection, rows: Iterable[ScoredCase]) -> None:
    cases = schema.scored_case
    by_cell: dict[str, list[str]] = {}
    for row in rows:
        by_cell.setdefault(row.cell_id, []).append(row.exchange_id)
    for cell_id, names in by_cell.items():
        here = cases.c.cell_id == waiting_room(cell_id)
        connection.execute(delete(cases).where(here, cases.c.exchange_id.in_(names)))


def _scored(store: Store, keys: Mapping[str, str], row: ScoredCase) -> dict[str, object]:
    words = under(store, keys, row.exchange_id, row.cell_id, row.answer)
    slices = msgspec.json.encode(row.slices).decode()
    return asdict(row) | {"slices": slices, "answer": words["text"], "key": words["key"]}


def _sample(store: Store, keys: Mapping[str, str], sample: BaselineSample) -> dict[str, object]:
    name = f"{sample.process} {sample.epoch}"
    words = under(store, keys, sample.exchange_id, name, sample.answer_text)
    return asdict(sample) | {"answer_text": words["text"], "key": words["key"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The scores of one graded case, without its words. ``counts``: in the overall ledger, too."""

    exchange_id: str
    graded_at: float
    candidate: float
    baseline: float
    shadow: bool
    counts: bool


def save_score(store: Store, row: ScoredCase) -> None:
    """Saves a scored case, which counts; the same exchange in the same cell is replaced."""
    batch = Batch()
    batch.count(row)
    save_batch(store, batch)


def save_baseline_sample(
    store: Store, process: str, exchange_id: str, epoch: str, answer_text: str | None, taken_at: float
) -> None:
    """Keeps what the baseline answered when it was asked the exchange's request a second time; None: no answer."""
    sample = BaselineSample(
        process=process, epoch=epoch, exchange_id=exchange_id, answer_text=answer_text, taken_at=taken_at
    )
    save_batch(store, Batch(samples=[sample]))


def scored_cases(store: Store, cell_id: str) -> list[ScoredCase]:
    """The cell's ledger, in the order of grading."""
    cases = schema.scored_case
    wanted = select(cases).where(cases.c.cell_id == cell_id).order_by(cases.c.graded_at, cases.c.exchange_id)
    with store.read() as connection:
        rows = [dict(row._mapping) for row in connection.execute(wanted)]
    for row in rows:
        row["answer"] = said(store, row["exchange_id"], cell_id, row.pop("key"), row["answer"])
    return [ScoredCase(**row | {"slices": _words.decode(row["slices"])}) for row in rows]


def waiting_cases(store: Store, cell_id: str) -> dict[str, ScoredCase]:
    """Cases of the cell that were scored ahead of their turn, by exchange id."""
    rows = scored_cases(store, waiting_room(cell_id))
    return {row.exchange_id: replace(row, cell_id=cell_id) for row in rows}


def differences(store: Store, cell_id: str) -> list[Difference]:
    """The cell's graded cases in the order of grading, without words."""
    cases = schema.scored_case
    columns = [cases.c[one.name] for one in fields(Difference)]
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


def baseline_samples(store: Store, process: str, epoch: str) -> dict[str, str | None]:
    """Second answers of the baseline in this epoch, by exchange id; those that were erased are left out."""
    samples = schema.baseline_sample
    wanted = select(samples).where(samples.c.process == process, samples.c.epoch == epoch)
    with store.read() as connection:
        rows = connection.execute(wanted).all()
    name = f"{process} {epoch}"
    found = {row.exchange_id: said(store, row.exchange_id, name, row.key, row.answer_text) for row in rows}
    return {exchange: text for exchange, text in found.items() if text != ""}
