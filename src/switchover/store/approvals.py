"""Acts that two people agree on: asked for, decided and used, each step once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, Row, exists, insert, select
from sqlalchemy.exc import IntegrityError

from switchover.domain.people import Approval, ApprovalState
from switchover.errors import NotFound, OperatorError

from . import schema
from .database import Store
from .facts import Fact, fact

ASKED, STEPS, PEOPLE = schema.approval, schema.approval_step, schema.person
STEP_FIELDS = ("decision", "decided_by", "decided_at", "used_by", "used_at")


def approvals(store: Store) -> list[Approval]:
    """Every approval that was ever asked for, oldest first."""
    with store.read() as connection:
        return list(_approvals(connection))


def get_approval(store: Store, name: str) -> Approval | None:
    """The approval with this id."""
    with store.read() as connection:
        return next((one for one in _approvals(connection) if one.id == name), None)


def ask(store: Store, wanted: Approval) -> tuple[Approval, Fact | None]:
    """Saves an approval that is asked for; the open one, and no fact, if the same person asked for the same before."""
    row = {name: value for name, value in asdict(wanted).items() if name not in STEP_FIELDS}
    with store.write() as connection:
        for one in _approvals(connection):
            same = _subject(one) == _subject(wanted) and one.proposed_by == wanted.proposed_by
            if same and one.state(wanted.proposed_at) is ApprovalState.ASKED:
                return one, None
        connection.execute(insert(ASKED).values(**row))
    return wanted, fact("approval", row)


def decide(store: Store, name: str, decision: ApprovalState, by: str, at: float) -> Fact:
    """Approves or declines what is asked for, once. Who asked must still be in force, and so must who decides.

    Raises NotFound, or OperatorError when it is no longer open.
    """
    try:
        with store.write() as connection:
            found = next((one for one in _approvals(connection) if one.id == name), None)
            if found is None:
                raise NotFound(f"there is no approval {name!r}", mend="see `switchover approvals list`")
            state = found.state(at)
            if state is not ApprovalState.ASKED:
                raise OperatorError(f"{name} is {state} already", mend="ask anew: run the command again")
            if decision is ApprovalState.APPROVED and found.proposed_by == by:
                raise OperatorError("nobody approves what they asked for", mend="ask another person")
            for person in (found.proposed_by, by):
                if not connection.scalar(_in_force(person)):
                    raise OperatorError(f"{person} was revoked", mend="somebody else has to ask, or to approve")
            return _step(connection, found, "decided", decision, by, at)
    except IntegrityError as cause:
        raise OperatorError(f"{name} was decided at this moment", mend="see `switchover approvals show`") from cause


def use(store: Store, wanted: Approval, by: str, at: float) -> tuple[Approval, Fact] | None:
    """Takes an approval for what is ``wanted``, the oldest that counts; of several who try, one gets it.

    It counts when it was approved and not used, has not expired, and both people are in force.
    """
    try:
        with store.write() as connection:
            for one in _approvals(connection):
                both = (one.proposed_by, one.decided_by or "")
                if (
                    _subject(one) == _subject(wanted)
                    and one.state(at) is ApprovalState.APPROVED
                    and both[0] != both[1]
                    and all(connection.scalar(_in_force(person)) for person in both)
                ):
                    step = _step(connection, one, "used", ApprovalState.USED, by, at)
                    return replace(one, used_by=by, used_at=at), step
    except IntegrityError:
        # Somebody else took it between our look and our step.
        return None
    return None


def _subject(one: Approval) -> tuple[str, str, str | None, str]:
    return one.act, one.target, one.process, one.parameters


def _in_force(person: str) -> Any:
    return select(exists().where(PEOPLE.c.id == person, PEOPLE.c.revoked_at.is_(None)))


def _step(connection: Connection, one: Approval, step: str, state: ApprovalState, by: str, at: float) -> Fact:
    row = {"id": f"{one.id}-{step}", "approval": one.id, "state": state.value, "by": by, "at": at}
    connection.execute(insert(STEPS).values(**row))
    return fact("approval-step", row)


def _approvals(connection: Connection) -> Iterator[Approval]:
    steps: dict[str, Row[Any]] = {row.id: row for row in connection.execute(select(STEPS))}
    for row in connection.execute(select(ASKED).order_by(ASKED.c.proposed_at, ASKED.c.id)).all():
        decided, used = steps.get(f"{row.id}-decided"), steps.get(f"{row.id}-used")
        yield Approval(
            **row._mapping,
            decision=ApprovalState(decided.state) if decided else None,
            decided_by=decided.by if decided else None,
            decided_at=decided.at if decided else None,
            used_by=used.by if used else None,
            used_at=used.at if used else None,
        )
