"""The decision register: what people decided on where processes are placed. Rows are added and never changed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec
from sqlalchemy import Row, func, insert, select
from sqlalchemy.exc import IntegrityError

from switchover.domain.placement import Decision, Impact, Place, Signed, Substitutability
from switchover.domain.process import Criticality
from switchover.errors import OperatorError

from . import schema
from .database import Store
from .facts import Fact, fact

TABLE = schema.decision
_basis = msgspec.json.Decoder(dict[str, str])


def save_decision(store: Store, found: Decision) -> Fact:
    """Adds a decision to the register; returns the row as a fact.

    Raises OperatorError unless its number is the next one of its process.
    """
    row = asdict(found) | {
        "place": found.place.value,
        "basis": msgspec.json.encode(found.basis, order="sorted").decode(),
    }
    row |= {name: None if value is None else value.value for name, value in row.pop("signed").items()}
    newest = select(func.max(TABLE.c.number)).where(TABLE.c.process == found.process)
    try:
        with store.write() as connection:
            if (connection.scalar(newest) or 0) + 1 != found.number:
                raise _meanwhile(found)
            connection.execute(insert(TABLE), [row])
    except IntegrityError as cause:
        # Two who looked at the same moment: the index lets one in.
        raise _meanwhile(found) from cause
    return fact("decision", row)


def decisions(store: Store, process: str | None = None) -> list[Decision]:
    """Every decision (on a process), the newest of each process first."""
    wanted = select(TABLE).order_by(TABLE.c.process, TABLE.c.number.desc())
    if process is not None:
        wanted = wanted.where(TABLE.c.process == process)
    with store.read() as connection:
        return [_decision(row) for row in connection.execute(wanted)]


def _meanwhile(found: Decision) -> OperatorError:
    return OperatorError(
        f"somebody else has decided on {found.process} meanwhile",
        mend="look at their decision, then decide again if you still want to",
    )


def _decision(row: Row[Any]) -> Decision:
    told = dict(row._mapping)
    signed = Signed(
        criticality=_of(Criticality, told.pop("criticality")),
        substitutability=_of(Substitutability, told.pop("substitutability")),
        impact=_of(Impact, told.pop("impact")),
    )
    more = {"place": Place(told["place"]), "basis": _basis.decode(told["basis"]), "signed": signed}
    return Decision(**told | more)


def _of(kind: Any, value: str | None) -> Any:
    return None if value is None else kind(value)
