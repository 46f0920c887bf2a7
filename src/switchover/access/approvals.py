"""Acts that need two people: one asks, another approves, and then it is carried out once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from switchover.domain.people import Actor, Approval, ApprovalState
from switchover.errors import ApprovalNeeded, Forbidden, NotFound, OperatorError
from switchover.evidence import events
from switchover.store import Store
from switchover.store import approvals as rows
from switchover.store.people import person_key

from .keys import new_id
from .roles import role_for

DAY = 86_400.0
# So long an approval is open, from when it is asked for until it is used.
OPEN_S = DAY


def require_approval(
    store: Store,
    actor: Actor,
    act: str,
    target: str,
    *,
    process: str | None,
    parameters: Mapping[str, object],
    reason: str,
    now: float,
    note: events.Note,
) -> Approval:
    """The approval of another person for exactly this act; it is used up, so call this right before carrying it out.

    ``act`` is a row of the table of rights, ``target`` what it is done to, ``process`` the one it concerns (None: more
    than one), ``parameters`` whatever else changes what happens: plain JSON values, of which only the hash is kept.
    Whoever carries it out needs the right to, and may be either of the two or a third.

    Raises Forbidden when the actor may not, or there are no people yet who could agree. Without an approval, asks for
    one (a second time for the same changes nothing) and raises ApprovalNeeded, which names it.
    """
    if not actor.is_person:
        raise Forbidden(
            f"{act} {target} takes two people, and nobody is known here yet",
            mend="set up access: `switchover access init`, then `switchover access add` for a second person",
        )
    if role_for(actor, act, process) is None:
        raise Forbidden(f"{actor.name!r} has not the right to {act} {target}", mend="ask somebody whose role has it")
    text = json.dumps(parameters, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    wanted = Approval(
        id=f"ap-{new_id()}",
        act=act,
        target=target,
        process=process,
        parameters=hashlib.sha256(text.encode()).hexdigest(),
        reason=reason,
        proposed_by=actor.id,
        proposed_key=actor.key or "",
        proposed_at=now,
        expires_at=now + OPEN_S,
    )
    used = rows.use(store, wanted, actor.id, now)
    if used is not None:
        note(events.saved(used[1]))
        return used[0]
    asked, fact = rows.ask(store, wanted)
    if fact is not None:
        note(events.saved(fact))
    until = datetime.fromtimestamp(asked.expires_at, UTC).strftime("%Y-%m-%d %H:%M")
    raise ApprovalNeeded(
        f"{act} {target} takes two people; {asked.id} asks for the second, until {until} UTC",
        mend=f"another person runs `switchover approve {asked.id}`; then run this command again, as it is",
    )


def approve(store: Store, actor: Actor, name: str, *, now: float, note: events.Note) -> Approval:
    """Agrees to what another person asked for. Raises NotFound, Forbidden, or OperatorError when it is not open."""
    found = _found(store, actor, name)
    if found.proposed_by == actor.id:
        raise Forbidden(f"you asked for {name} yourself", mend="another person has to approve it")
    _check_apart(store, actor, found)
    note(events.saved(rows.decide(store, name, ApprovalState.APPROVED, actor.id, now)))
    return found


def decline(store: Store, actor: Actor, name: str, *, now: float, note: events.Note) -> Approval:
    """Turns down what somebody asked for, oneself too. Raises NotFound, Forbidden, or OperatorError."""
    found = _found(store, actor, name)
    note(events.saved(rows.decide(store, name, ApprovalState.DECLINED, actor.id, now)))
    return found


def _found(store: Store, actor: Actor, name: str) -> Approval:
    if not actor.is_person:
        raise Forbidden("nobody is known here yet", mend="set up access: `switchover access init`")
    found = rows.get_approval(store, name)
    if found is None:
        raise NotFound(f"there is no approval {name!r}", mend="see `switchover approvals list`")
    if role_for(actor, found.act, found.process) is None:
        raise Forbidden(
            f"{actor.name!r} could not {found.act} {found.target}, so neither approve nor decline it",
            mend="ask somebody whose role has the right",
        )
    return found


def _check_apart(store: Store, actor: Actor, found: Approval) -> None:
    """Who made the other's key has seen it, and could have used it: that is one person with two keys."""
    mine, theirs = person_key(store, actor.key or ""), person_key(store, found.proposed_key)
    if mine is None or theirs is None:
        raise OperatorError(f"a key behind {name_of(found)} is gone", mend="restore the store from a backup")
    for key, other, whose in ((mine, found.proposed_by, "your key"), (theirs, actor.id, "the key that asked")):
        if key.made_by == other:
            raise Forbidden(
                f"{whose} was made by the other of you two, who has seen it: that is not two people",
                mend="whoever was handed that key takes a new one, `switchover access rotate`, and uses that from now "
                "on; if it was the key that asked, ask anew",
            )


def name_of(found: Approval) -> str:
    """An approval in words."""
    return f"{found.id} ({found.act} {found.target})"
