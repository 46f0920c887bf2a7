"""The store's facts by hash: rows of which the evidence log keeps the SHA-256, so that a change to one shows.

A gap in the record is a fact, too: known by its moment, or by its place where bytes can't be read.

A row's hash is that of a JSON object, names sorted and without white space, of its columns: bytes as the SHA-256 of
what is stored, doubles as the shortest decimal that means the same, "table" as the table's name. What changes later
(when a cut-off was lifted, a proof or a key revoked) is left out and hashed by itself, as the row's end. A column that
a later version added is left out where it is NULL, so that rows from before hash as they did.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Double, LargeBinary, Table, select

from . import schema
from .database import Store
from .spool_frames import MET


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One row: its ``kind`` and ``id``, its ``process`` if it has one, when it came to be and what it is called.

    ``ended_at`` and ``end_sha256`` are those of the row's end, None while it has none; ``ended_by`` is "expiry" for a
    cut-off that lapsed. ``state`` is a verdict's, a drill's or an approval's. ``by`` and ``end_by`` are people by id,
    or "local"; ``told`` is what else the row says that is nobody's words.
    """

    kind: str
    id: str
    at: float
    sha256: str
    process: str | None = None
    state: str | None = None
    target: str | None = None
    drill: str | None = None
    ended_at: float | None = None
    ended_by: str | None = None
    end_sha256: str | None = None
    by: str | None = None
    end_by: str | None = None
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Kind:
    table: Table
    moment: str
    # The columns of the row's end, the first of which says when; and those that are no fact, or follow from another.
    end: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()
    # Columns that a later version added.
    later: tuple[str, ...] = ()
    # The columns that say which person did it, and which person ended it; and those that entries repeat.
    by: str = ""
    end_by: str = ""
    told: tuple[str, ...] = ()


KINDS = {
    "verdict": _Kind(schema.verdict, "made_at"),
    "proof": _Kind(
        schema.proof,
        "made_at",
        ("revoked_at", "ended_for"),
        ("continuation", "continues_until"),
        later=("ended_for",),
    ),
    "change": _Kind(schema.change, "at", told=("kind",)),
    "drill": _Kind(schema.drill, "begun_at"),
    "cut-off": _Kind(schema.cut_off, "placed_at", ("lifted_at", "lifted_by"), ("heartbeat_at",)),
    "key": _Kind(
        schema.caller_key,
        "made_at",
        ("revoked_at", "revoked_by"),
        later=("name", "expires_at", "made_by", "revoked_by", "in_place_of"),
        by="made_by",
        end_by="revoked_by",
    ),
    "person": _Kind(
        schema.person,
        "made_at",
        ("revoked_at", "revoked_by"),
        by="made_by",
        end_by="revoked_by",
        told=("roles", "processes"),
    ),
    "person-key": _Kind(
        schema.person_key,
        "made_at",
        ("revoked_at", "revoked_by"),
        by="made_by",
        end_by="revoked_by",
        told=("person",),
    ),
    "acceptance": _Kind(
        schema.acceptance,
        "made_at",
        ("withdrawn_at", "withdrawn_by"),
        by="made_by",
        end_by="withdrawn_by",
        told=("approved_by",),
    ),
    "decision": _Kind(
        schema.decision, "made_at", by="made_by", told=("place", "serves", "replacement", "review_on", "follows")
    ),
    "approval": _Kind(schema.approval, "proposed_at", by="proposed_by", told=("act",)),
    "approval-step": _Kind(schema.approval_step, "at", by="by", told=("approval",)),
    "erasure": _Kind(schema.erasure, "at"),
    "assumption": _Kind(schema.assumption, "at", by="by", told=("name", "version")),
    "report": _Kind(schema.issued_report, "made_at", by="issued_by", told=("html_sha256", "pdf_sha256")),
    "gap": _Kind(schema.gap, "at", told=("worker", "segment", "offset", "records", "reason")),
}


def row_sha256(kind: str, row: Mapping[str, Any]) -> str:
    """The hash of a row as it is stored, hex; columns that may change later need not be there."""
    known = KINDS[kind]
    leave_out = {*known.end, *known.passing, *(_gap_is_known_by(row, False) if kind == "gap" else ())}
    return _sha256(known, {name: value for name, value in row.items() if name not in leave_out})


def end_sha256(kind: str, row: Mapping[str, Any]) -> str:
    """The hash of a row's end, with its id."""
    known = KINDS[kind]
    return _sha256(known, {name: row.get(name) for name in ("id", *known.end)})


def facts(store: Store) -> Iterator[Fact]:
    """Every row that is a fact, kind by kind, oldest first."""
    for kind, known in KINDS.items():
        table = known.table
        with store.read() as connection:
            rows = connection.execute(select(table).order_by(table.c[known.moment], *table.primary_key)).all()
        for row in rows:
            yield fact(kind, dict(row._mapping))


def ended(store: Store, kind: str, at: float) -> list[Fact]:
    """The rows that ended at exactly this moment, as an update gave it to them."""
    known = KINDS[kind]
    wanted = select(known.table).where(known.table.c[known.end[0]] == at).order_by(known.table.c.id)
    with store.read() as connection:
        return [fact(kind, dict(row._mapping)) for row in connection.execute(wanted)]


def fact(kind: str, row: Mapping[str, Any]) -> Fact:
    """A row as a fact."""
    known = KINDS[kind]
    ended_at = row.get(known.end[0]) if known.end else None
    return Fact(
        kind=kind,
        id=":".join(str(row[name]) for name in _gap_is_known_by(row, True)) if kind == "gap" else str(row["id"]),
        at=float(row[known.moment]),
        sha256=row_sha256(kind, row),
        process=row.get("process"),
        state=str(row["state"]) if "state" in row else None,
        target=_target(kind, row),
        drill=row.get("drill"),
        ended_at=ended_at,
        ended_by=row.get("lifted_by"),
        end_sha256=None if ended_at is None else end_sha256(kind, row),
        by=_person(row, known.by),
        end_by=_person(row, known.end_by),
        told={name: row[name] for name in known.told if row.get(name) not in (None, "")},
    )


def _gap_is_known_by(row: Mapping[str, Any], known: bool) -> tuple[str, ...]:
    """The columns that a gap is known by; or those that a store filled anew from the same spool may have otherwise.

    A gap that was written twice has another place, bytes that can't be read another moment: that of their reading.
    """
    place, moment = ("segment", "offset"), ("at",)
    met = row["reason"] in MET
    return ("worker", *(place if met else moment)) if known else moment if met else place


def _target(kind: str, row: Mapping[str, Any]) -> str | None:
    """What it is about. Of approvals only what a drill loses: what is erased may be a person's."""
    if kind == "cut-off":
        return f"{row['target_kind']}:{row['target_name']}"
    if kind == "approval":
        return str(row["target"]) if row["act"] == "drill" else None
    return row.get("upstream")


def _person(row: Mapping[str, Any], column: str) -> str | None:
    """Whom a column names: a person by id, or "local", which leaves the machine's user out."""
    found = row.get(column) if column else None
    return None if found is None else str(found).partition(" ")[0]


def _sha256(kind: _Kind, row: Mapping[str, Any]) -> str:
    table = kind.table
    kept = {name: value for name, value in row.items() if value is not None or name not in kind.later}
    told = {name: _told(table, name, value) for name, value in kept.items()} | {"table": table.name}
    text = json.dumps(told, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _told(table: Table, name: str, value: Any) -> object:
    """A value as it comes back from either database: a double may have been handed in as a whole number."""
    column = table.c[name].type
    if value is None:
        return None
    if isinstance(column, LargeBinary):
        return hashlib.sha256(value).hexdigest()
    return repr(float(value)) if isinstance(column, Double) else value
