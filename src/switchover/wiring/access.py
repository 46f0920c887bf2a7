"""Who acts, as commands ask: people, their keys, and what two of them agree on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from switchover.access import approvals, load_pepper
from switchover.access.keys import make_person_key, new_id
from switchover.access.known import by_token
from switchover.access.local import keyless, local
from switchover.access.roles import NONE, RULES, exceeds, first_role, role_for
from switchover.domain.people import Actor, Approval, Person, PersonKey, Role
from switchover.domain.process import Settings
from switchover.domain.secret import Secret
from switchover.errors import Forbidden, NotFound, OperatorError
from switchover.evidence import events
from switchover.store import Store
from switchover.store import approvals as approval_rows
from switchover.store import people as rows

from .evidence import noting
from .parts import CLOCK, has_store, open_store

GIVE_KEY = "set SWITCHOVER_OPERATOR_KEY to your key, or name its file: switchover --as FILE …"


# What rows say where no person did it.
RESERVED = re.compile(r"expiry|the next drill|local.*|p-[a-z0-9]{8}")


def admit(settings: Settings, act: str, key: Callable[[], Secret | None]) -> Actor:
    """Who is about to do this, by their key; the machine's user for what asks no key, or while there are no people.

    Whether they may do it to one process or another is for :func:`check` to say. Raises Forbidden.
    """
    rule = RULES.get(act, NONE)
    if rule.keyless:
        return keyless()
    given = key()
    if given is None and not has_store(settings):
        # Nobody is known where nothing is, and asking leaves nothing behind.
        return local()
    with open_store(settings) as store:
        if not rows.anybody(store) and given is None:
            return local()
        actor = _known(settings, store, given)
    role = first_role(actor, act)
    if role is None:
        raise _refused(settings, actor, act, None)
    return replace(actor, role=role)


def _known(settings: Settings, store: Store, given: Secret | None) -> Actor:
    if given is None:
        raise Forbidden("this asks who you are", mend=GIVE_KEY)
    return by_token(store, given, load_pepper(settings.data_dir), CLOCK.now())


def check(settings: Settings, actor: Actor | None, act: str, process: str | None) -> None:
    """Raises Forbidden unless they may do this to the process; None: to more than one. Refusals are noted."""
    if actor is not None and role_for(actor, act, process) is None:
        raise _refused(settings, actor, act, process)


def may(actor: Actor, act: str, process: str | None) -> bool:
    """Whether they may."""
    return role_for(actor, act, process) is not None


def _refused(settings: Settings, actor: Actor, act: str, process: str | None) -> Forbidden:
    with noting(settings, actor) as note:
        note(events.refused(act, process, actor.id))
    of = f" of {process}" if process else ""
    roles = ", ".join(sorted(actor.roles))
    return Forbidden(
        f"{actor.name!r} ({roles}) has not the right to: {act}{of}", mend="ask somebody whose role has it, or an admin"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A person, and the key that is shown this once."""

    person: Person
    key: PersonKey
    token: Secret


def init(settings: Settings, name: str, *, again: bool = False) -> Added:
    """The first admin, made by whoever runs this machine; with ``again`` another one, should every key be lost."""
    return _add(settings, local(), name, (Role.ADMIN,), (), expires_in=None, first=not again)


def add(
    settings: Settings,
    actor: Actor,
    name: str,
    roles: Sequence[str],
    processes: Sequence[str],
    *,
    expires_in: float | None = None,
) -> Added:
    """A person with at most the rights of who adds them. Raises Forbidden, NotFound, OperatorError."""
    if not actor.is_person:
        raise Forbidden("nobody is known here yet", mend="make the first admin: switchover access init NAME")
    known = tuple(_role(text) for text in dict.fromkeys(roles))
    if not known:
        raise OperatorError("a person needs a role", mend=f"--role, one or more of {', '.join(Role)}")
    if (Role.OWNER in known) != bool(processes):
        raise OperatorError(
            "a process owner owns processes, and nobody else does", mend="give --role process-owner and --process NAME"
        )
    for process in processes:
        if process not in settings.processes:
            raise NotFound(f"there is no process {process!r}", mend=f"use {', '.join(sorted(settings.processes))}")
    beyond = exceeds(actor, known, processes)
    if beyond is not None:
        raise Forbidden(f"nobody gives a right that they have not: {beyond}", mend="ask an admin")
    return _add(settings, actor, name, known, tuple(dict.fromkeys(processes)), expires_in=expires_in)


def _add(
    settings: Settings,
    actor: Actor,
    name: str,
    roles: tuple[Role, ...],
    processes: tuple[str, ...],
    *,
    expires_in: float | None,
    first: bool = False,
) -> Added:
    if not name.strip() or not name.isprintable() or len(name) > 128:
        raise OperatorError("a name is one line of 1 to 128 characters", mend="give a login or the title of a role")
    if RESERVED.fullmatch(name):
        raise OperatorError(f"{name!r} would look like something else in the record", mend="take another name")
    now, pepper = CLOCK.now(), load_pepper(settings.data_dir)
    person = Person(
        id=f"p-{new_id()}", name=name, roles=roles, processes=processes, made_at=now, made_by=actor.recorded
    )
    ends = None if expires_in is None else now + expires_in
    key, token = make_person_key(person.id, pepper, now, expires_at=ends, made_by=actor.recorded)
    with open_store(settings) as store, noting(settings, actor) as note:
        for fact in rows.add_person(store, person, key, first=first):
            note(events.saved(fact))
    return Added(person=person, key=key, token=token)


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError as cause:
        raise OperatorError(f"there is no role {text!r}", mend=f"use one of {', '.join(Role)}") from cause


def revoke(settings: Settings, actor: Actor, name: str) -> Person:
    """Ends a person's rights and keys at once. Raises NotFound, or OperatorError for the last admin."""
    with open_store(settings) as store, noting(settings, actor) as note:
        found = _person(store, name)
        ended = rows.revoke_person(store, found.id, actor.recorded, CLOCK.now())
        if not ended:
            raise NotFound(f"{name!r} was revoked before", mend="see `switchover access list`")
        for fact in ended:
            note(events.ended(fact))
    return found


def rotate(
    settings: Settings, actor: Actor, name: str | None, *, overlap: float = 0.0, expires_in: float | None = None
) -> Added:
    """A new key for oneself (``name`` None), or by an admin for another; those before end after ``overlap`` seconds."""
    with open_store(settings) as store, noting(settings, actor) as note:
        found = _person(store, name if name is not None else actor.id)
        if found.id != actor.id and Role.ADMIN not in actor.roles:
            raise _refused(settings, actor, "access rotate", None)
        now = CLOCK.now()
        ends = None if expires_in is None else now + expires_in
        pepper = load_pepper(settings.data_dir)
        key, token = make_person_key(found.id, pepper, now, expires_at=ends, made_by=actor.recorded)
        made, ended = rows.replace_person_keys(store, key, now + overlap)
        for event in (events.saved(made), *(events.ended(fact) for fact in ended)):
            note(event)
    return Added(person=found, key=key, token=token)


def _person(store: Store, name: str) -> Person:
    found = rows.person(store, name)
    if found is None:
        raise NotFound(f"there is nobody called {name!r}", mend="see `switchover access list`")
    return found


def people(settings: Settings) -> tuple[list[Person], list[PersonKey]]:
    """Everybody there ever was, and their keys without secrets."""
    with open_store(settings) as store:
        return rows.people(store), rows.person_keys(store)


def names(settings: Settings) -> dict[str, str]:
    """Each person's name, by id."""
    with open_store(settings) as store:
        return {person.id: person.name for person in rows.people(store)}


def now() -> float:
    """By which moment approvals have expired."""
    return CLOCK.now()


def approvals_known(settings: Settings) -> list[Approval]:
    """Every approval, oldest first."""
    with open_store(settings) as store:
        return approval_rows.approvals(store)


def approval(settings: Settings, name: str) -> Approval:
    """One approval. Raises NotFound."""
    with open_store(settings) as store:
        found = approval_rows.get_approval(store, name)
    if found is None:
        raise NotFound(f"there is no approval {name!r}", mend="see `switchover approvals list`")
    return found


def approve(settings: Settings, actor: Actor, name: str) -> Approval:
    """Agrees. Raises NotFound, Forbidden, OperatorError."""
    with open_store(settings) as store, noting(settings, actor) as note:
        return approvals.approve(store, actor, name, now=CLOCK.now(), note=note)


def decline(settings: Settings, actor: Actor, name: str) -> Approval:
    """Declines. Raises NotFound, Forbidden, OperatorError."""
    with open_store(settings) as store, noting(settings, actor) as note:
        return approvals.decline(store, actor, name, now=CLOCK.now(), note=note)
