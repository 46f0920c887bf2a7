"""Who somebody is, by a key of a person: in a command, and on the pages."""

from __future__ import annotations

from switchover.domain.people import Actor, PersonKey
from switchover.domain.secret import Secret
from switchover.errors import Forbidden
from switchover.store import Store
from switchover.store import people as rows

from .keys import check_person_key


def by_token(store: Store, token: Secret, pepper: bytes, now: float) -> Actor:
    """Whose key this is. Raises Forbidden for one that is unknown, or counts no more."""
    return _in_force(store, check_person_key(token.reveal(), lambda name: rows.person_key(store, name), pepper), now)


def by_key(store: Store, name: str, now: float) -> Actor:
    """Whose key has this id, for somebody who has shown it before. Raises Forbidden when it counts no more."""
    return _in_force(store, rows.person_key(store, name), now)


def _in_force(store: Store, key: PersonKey | None, now: float) -> Actor:
    ends = () if key is None else (key.revoked_at, key.expires_at)
    person = rows.person(store, key.person) if key is not None else None
    if (
        key is None
        or person is None
        or person.revoked_at is not None
        or any(at is not None and at <= now for at in ends)
    ):
        raise Forbidden(
            "the key is nobody's: it is unknown, expired or revoked",
            mend="ask an admin for a new one (`switchover access rotate`)",
        )
    return Actor.of(person, key)
