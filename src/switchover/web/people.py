"""People and keys: who may act and when they last came, callers' keys, and what waits for a second person."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from starlette.responses import Response

from switchover.access import approvals
from switchover.domain.people import Approval, ApprovalState
from switchover.domain.register import CallerKey
from switchover.errors import NotFound
from switchover.store import Store
from switchover.store import approvals as asked
from switchover.store import people as rows
from switchover.store.register import caller_keys
from switchover.store.sessions import last_seen, sessions_by_key

from .session import IDLE_S
from .visit import Visit

OPEN = (ApprovalState.ASKED, ApprovalState.APPROVED)
# Of those that are over the newest are shown.
LATEST = 10


def show(visit: Visit) -> Response:
    """The page; when people were last there is for whoever may see settings."""
    store, now = visit.store, visit.now
    people, keys = rows.people(store), rows.person_keys(store)
    known = asked.approvals(store)
    seen, going_on = last_seen(store), sessions_by_key(store, now - IDLE_S, now)
    callers = sorted(caller_keys(store), key=lambda key: (key.process, -key.made_at))
    return visit.page(
        "people.html",
        people=[
            (
                person,
                max((seen[key.id] for key in keys if key.person == person.id and key.id in seen), default=None),
                sum(going_on.get(key.id, 0) for key in keys if key.person == person.id),
                [key for key in keys if key.person == person.id],
            )
            for person in sorted(people, key=lambda one: (one.revoked_at is not None, one.name))
        ],
        sees=visit.may_some("settings"),
        names={person.id: person.name for person in people},
        callers=[(process, list(own)) for process, own in groupby(callers, key=lambda key: key.process)],
        ended=_ended,
        open=[(one, one.state(now), _decides(visit, one)) for one in known if one.state(now) in OPEN],
        over=[(one, one.state(now)) for one in reversed(known) if one.state(now) not in OPEN][:LATEST],
        me=visit.actor.id,
    )


def approve(visit: Visit) -> Response:
    """Agrees to what another person asked for; it is noted, and so is a try at what somebody has not the right to."""
    return _decided(visit, "approve", approvals.approve)


def decline(visit: Visit) -> Response:
    """Turns it down, or takes back what one asked for oneself."""
    return _decided(visit, "decline", approvals.decline)


def _decided(visit: Visit, act: str, decide: Callable[..., Approval]) -> Response:
    found = _found(visit.store, visit.parts["approval"])
    actor = visit.check(act, found.process)
    with visit.sources.noting(visit.settings, actor) as note:
        decide(visit.store, actor, found.id, now=visit.now, note=note)
    return visit.see(f"/settings/access#approval-{found.id}")


def _found(store: Store, name: str) -> Approval:
    found = asked.get_approval(store, name)
    if found is None:
        raise NotFound(f"there is no approval {name!r}", mend="see what waits for a second person")
    return found


def _decides(visit: Visit, found: Approval) -> bool:
    """Whether whoever asks for the page could decide on it: then it shows the buttons."""
    return visit.actor.is_person and all(visit.may(act, found.process) for act in ("decline", found.act))


def _ended(key: CallerKey, now: float) -> str:
    """How a key ends or has ended, in words; nothing for one that goes on."""
    if key.ends_at > now:
        return ""
    return "revoked" if key.revoked_at is not None and key.revoked_at == key.ends_at else "expired"
