"""A person decides where a process is placed: checked, kept with what was proposed, noted."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta

import msgspec

from switchover.domain.candidate import digest
from switchover.domain.people import Actor
from switchover.domain.placement import Decision, Place, Signed
from switchover.domain.process import Settings
from switchover.errors import NotFound, OperatorError
from switchover.evidence import events
from switchover.store import Store
from switchover.store.decisions import save_decision

from .placements import Placement
from .placing import Choice, stand_in
from .proposing import Proposal, basis

PROPOSED, NOBODY = "proposed", "nobody"
# Whoever wants a decision to hold for longer takes it again, having looked at it again.
LONGEST = timedelta(days=366)
LONGEST_REASON = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person decides. ``place`` is "proposed", a place, or the upstream that should serve.

    ``replacement`` is an upstream or "nobody"; None: the proposed one, or else the best by the same rules. ``review``
    is an ISO day. ``seen`` tells the proposal (:func:`told`) and ``after`` the decision that the person had before
    them; None: those of this moment.
    """

    place: str
    reason: str
    review: str
    replacement: str | None = None
    signed: Signed = field(default_factory=Signed)
    seen: str | None = None
    after: int | None = None


def told(proposal: Proposal) -> str:
    """A short name for what a proposal says and rests on, whatever figures move below it."""
    return digest([proposal.serves, proposal.replacement, dict(proposal.basis)])


def decide(
    store: Store, settings: Settings, placement: Placement, wish: Wish, *, actor: Actor, now: float, note: events.Note
) -> Decision:
    """Takes a decision, which supersedes the one before; that is noted, with what was proposed and its evidence.

    Raises NotFound, and OperatorError for what can't be decided, or when somebody else decided meanwhile.
    """
    process, proposal = placement.process, placement.proposal
    if wish.seen is not None and wish.seen != told(proposal):
        raise OperatorError(
            "what is proposed has changed since you looked", mend="look at the proposal again, then decide"
        )
    before = placement.decided.decision.number if placement.decided else 0
    review = _review(wish.review, now)
    serves = _serves(placement, wish.place)
    replacement = _replacement(placement, settings, serves, wish)
    found = Decision(
        id=f"pd-{digest([process.name, serves.name, wish.reason, now], 10)}",
        process=process.name,
        number=(before if wish.after is None else wish.after) + 1,
        place=serves.place,
        serves=serves.name,
        replacement=replacement,
        reason=_reason(wish.reason),
        review_on=review,
        made_at=now,
        made_by=actor.recorded,
        follows=(serves.name, replacement) == (proposal.serves, proposal.replacement),
        proposed=msgspec.json.encode(asdict(proposal)).decode(),
        basis=basis(process, placement.choices, settings.providers, serves.name, replacement),
        signed=wish.signed,
    )
    said = {"place": proposal.place and str(proposal.place), "serves": proposal.serves}
    saved = save_decision(store, found)
    note(events.decided(saved, found, said | {"replacement": proposal.replacement}, list(map(str, proposal.sources))))
    return found


def _reason(text: str) -> str:
    if not text.strip():
        raise OperatorError("a placement is decided for a reason", mend="say which")
    if len(text) > LONGEST_REASON:
        raise OperatorError(f"a reason has {LONGEST_REASON:,} characters at most", mend="say it shorter")
    return text.strip()


def _review(text: str, now: float) -> str:
    today = datetime.fromtimestamp(now, UTC).date()
    try:
        day = date.fromisoformat(text.strip())
    except ValueError as cause:
        raise OperatorError(
            f"the review's date {text!r} is no day", mend=f"write it as {today + timedelta(days=90)}"
        ) from cause
    if day <= today:
        raise OperatorError(f"the review's date {day} has come already", mend="name a day after today")
    if day > today + LONGEST:
        raise OperatorError(f"{day} is more than a year away", mend="a decision is looked at again within a year")
    return day.isoformat()


def _serves(placement: Placement, wanted: str) -> Choice:
    """The upstream that is wanted, or the one of the place that is."""
    process, choices = placement.process, placement.choices
    if wanted == PROPOSED:
        wanted = placement.proposal.serves or ""
        if not wanted:
            raise OperatorError("nobody is proposed to serve it", mend="name who should, and say why")
    places = {str(one).replace(" ", "-"): one for one in Place}
    if wanted in places and wanted not in process.upstreams:
        there = [one for one in choices if one.place is places[wanted] and one.barred is None]
        if len(there) != 1:
            names = ", ".join(one.name for one in there) or "none that may serve it"
            raise OperatorError(
                f"of {process.name}'s upstreams, {wanted} are: {names}", mend="name the upstream itself"
            )
        return there[0]
    found = next((one for one in choices if one.name == wanted), None)
    if found is None:
        names = ", ".join((PROPOSED, *places, *process.upstreams))
        raise NotFound(f"{wanted!r} is no upstream of {process.name}, and no place", mend=f"use one of {names}")
    _check_policy(found, process.name)
    return found


def _replacement(placement: Placement, settings: Settings, serves: Choice, wish: Wish) -> str | None:
    process, proposal = placement.process, placement.proposal
    if wish.replacement == NOBODY:
        return None
    if wish.replacement is None:
        if serves.name == proposal.serves:
            return proposal.replacement
        best = stand_in(process, placement.choices, settings.providers, serves.name)
        return best.name if best else None
    found = next((one for one in placement.choices if one.name == wish.replacement), None)
    if found is None:
        names = ", ".join((*process.upstreams, NOBODY))
        raise NotFound(f"{wish.replacement!r} is no upstream of {process.name}", mend=f"use one of {names}")
    if found.name == serves.name:
        raise OperatorError(f"{found.name} can't stand in for itself", mend="name another, or nobody")
    _check_policy(found, process.name)
    return found.name


def _check_policy(one: Choice, process: str) -> None:
    if one.barred is not None and one.barred[0] == "policy":
        raise OperatorError(
            f"{one.name}: {one.barred[1]}, and no decision changes that",
            mend=f"change processes.{process}.allow, if the policy is wrong",
        )
