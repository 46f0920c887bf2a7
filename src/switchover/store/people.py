"""People who act and their keys. Nobody is removed: rows name them by id."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select, update

from switchover.domain.people import Person, PersonKey, Role
from switchover.errors import OperatorError

from . import schema
from .database import Store, upsert
from .facts import Fact, fact

PEOPLE, KEYS = schema.person, schema.person_key


def anybody(store: Store) -> bool:
    """True once access is set up: from then on, what changes something asks who acts."""
    with store.read() as connection:
        return connection.scalar(select(func.count()).select_from(PEOPLE)) > 0  # type: ignore[operator]


def people(store: Store) -> list[Person]:
    """Everybody there ever was, oldest first."""
    with store.read() as connection:
        return [_person(row) for row in connection.execute(select(PEOPLE).order_by(PEOPLE.c.made_at, PEOPLE.c.id))]


def person_keys(store: Store) -> list[PersonKey]:
    """Every key, oldest first."""
    with store.read() as connection:
        rows = connection.execute(select(KEYS).order_by(KEYS.c.made_at, KEYS.c.id))
        return [PersonKey(**row._mapping) for row in rows]


def person_key(store: Store, name: str) -> PersonKey | None:
    """The key with this id."""
    with store.read() as connection:
        row = connection.execute(select(KEYS).where(KEYS.c.id == name)).one_or_none()
    return PersonKey(**row._mapping) if row is not None else None


def person(store: Store, name: str) -> Person | None:
    """The person with this id, or else the one of this name who is not revoked."""
    with store.read() as connection:
        row = _found(connection, name)
    return _person(row) if row is not None else None


def name_of(store: Store, recorded: str) -> str:
    """Whom a row names: a person by name, the machine's user as the row has it."""
    found = person(store, recorded)
    return found.name if found is not None else recorded


def add_person(store: Store, who: Person, key: PersonKey, *, first: bool = False) -> tuple[Fact, Fact]:
    """Saves a person with their key. With ``first``, only while there is nobody.

    Raises OperatorError when the name is taken or, but for ``first``, who adds them has been revoked meanwhile.
    """
    row = asdict(who) | {"roles": ",".join(who.roles), "processes": ",".join(who.processes)}
    with store.write() as connection:
        if first and connection.scalar(select(func.count()).select_from(PEOPLE)):
            raise OperatorError("access is set up already", mend="add people with `switchover access add`")
        if connection.scalar(select(PEOPLE.c.id).where(PEOPLE.c.name == who.name, PEOPLE.c.revoked_at.is_(None))):
            raise OperatorError(f"there is a {who.name!r} already", mend="take another name, or revoke that one first")
        _check_in_force(connection, who.made_by)
        upsert(connection, PEOPLE, [row])
        upsert(connection, KEYS, [asdict(key)])
    return fact("person", row), fact("person-key", asdict(key))


def revoke_person(store: Store, name: str, by: str, at: float) -> list[Fact]:
    """Revokes a person (by id) and their keys as of ``at``; returns the ends as facts, nothing if they were revoked.

    Raises OperatorError for the last admin.
    """
    ends = {"revoked_at": at, "revoked_by": by}
    admin = or_(*(PEOPLE.c.roles.like(like) for like in ("admin", "admin,%", "%,admin", "%,admin,%")))
    others = select(func.count()).select_from(PEOPLE).where(PEOPLE.c.revoked_at.is_(None), PEOPLE.c.id != name, admin)
    with store.write() as connection:
        if not connection.execute(
            update(PEOPLE).where(PEOPLE.c.id == name, PEOPLE.c.revoked_at.is_(None)).values(**ends)
        ).rowcount:
            return []
        if not connection.scalar(others):
            raise OperatorError("this is the last admin", mend="add another admin first: switchover access add")
        in_use = KEYS.c.person == name, or_(KEYS.c.revoked_at.is_(None), KEYS.c.revoked_at > at)
        changed = list(connection.scalars(select(KEYS.c.id).where(*in_use)))
        connection.execute(update(KEYS).where(KEYS.c.id.in_(changed)).values(**ends))
        row = connection.execute(select(PEOPLE).where(PEOPLE.c.id == name)).one()
        rows = connection.execute(select(KEYS).where(KEYS.c.id.in_(changed)).order_by(KEYS.c.id)).all()
    return [fact("person", dict(row._mapping)), *(fact("person-key", dict(one._mapping)) for one in rows)]


def replace_person_keys(store: Store, key: PersonKey, ends_at: float) -> tuple[Fact, list[Fact]]:
    """Saves a person's new key; those before it end at ``ends_at``, unless sooner. Returns it and the ends as facts.

    Raises OperatorError when the person has been revoked meanwhile.
    """
    with store.write() as connection:
        _check_in_force(connection, key.person)
        _check_in_force(connection, key.made_by)
        in_use = KEYS.c.person == key.person, or_(KEYS.c.revoked_at.is_(None), KEYS.c.revoked_at > ends_at)
        changed = list(connection.scalars(select(KEYS.c.id).where(*in_use)))
        values = {"revoked_at": ends_at, "revoked_by": key.made_by}
        connection.execute(update(KEYS).where(KEYS.c.id.in_(changed)).values(**values))
        upsert(connection, KEYS, [asdict(key)])
        rows = connection.execute(select(KEYS).where(KEYS.c.id.in_(changed)).order_by(KEYS.c.id)).all()
    return fact("person-key", asdict(key)), [fact("person-key", dict(row._mapping)) for row in rows]


def _check_in_force(connection: Connection, name: str) -> None:
    """Who acts may have been revoked between the look at their key and now."""
    row = connection.execute(select(PEOPLE).where(PEOPLE.c.id == name)).one_or_none()
    if row is not None and row.revoked_at is not None:
        raise OperatorError(f"{row.name!r} was revoked", mend="ask an admin")


def _found(connection: Connection, name: str) -> Row[Any] | None:
    by_id = connection.execute(select(PEOPLE).where(PEOPLE.c.id == name)).one_or_none()
    if by_id is not None:
        return by_id
    named = select(PEOPLE).where(PEOPLE.c.name == name, PEOPLE.c.revoked_at.is_(None))
    return connection.execute(named).one_or_none()


def _person(row: Row[Any]) -> Person:
    return Person(
        id=row.id,
        name=row.name,
        roles=tuple(Role(one) for one in row.roles.split(",")),
        processes=tuple(one for one in row.processes.split(",") if one),
        made_at=row.made_at,
        made_by=row.made_by,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
    )
