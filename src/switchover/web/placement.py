"""The decision register, and a decision on a process that a person takes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from starlette.responses import Response

from switchover.domain.placement import Impact, Signed, Substitutability
from switchover.domain.process import Criticality
from switchover.errors import Forbidden, OperatorError, StoreUnavailable
from switchover.report.deciding import Wish, decide
from switchover.report.placements import Decided, Placement, placements

from . import process
from .visit import Visit

Kind = TypeVar("Kind", bound=StrEnum)


def show(visit: Visit) -> Response:
    """The register: overdue first, then what rests on something else by now, then by the day of the review."""
    found = placed(visit)
    decided = [(one, one.decided) for one in found.values() if one.decided is not None]
    return visit.page(
        "decisions.html",
        decided=sorted(decided, key=lambda pair: _urgency(pair[1])),
        undecided=[one for one in found.values() if one.decided is None],
        overdue=sum(one.overdue for _, one in decided),
        shaken=sum(one.shaken for _, one in decided),
    )


def take(visit: Visit) -> Response:
    """Takes the decision of the form; where it can't be taken, shows the form as it was filled in."""
    asked = visit.process()
    actor = visit.check("decide", asked.name)
    settings = visit.sources.as_seen(visit.settings)
    try:
        with visit.sources.noting(visit.settings, actor) as note:
            decide(
                visit.store, settings, placed(visit, asked.name)[asked.name], _wish(visit.form),
                actor=actor, now=visit.now, note=note,
            )  # fmt: skip
    except (Forbidden, StoreUnavailable):
        raise
    except OperatorError as error:
        return process.page(visit, asked, trouble=error)
    return visit.see(f"/processes/{asked.name}#decisions")


def placed(visit: Visit, process: str | None = None) -> dict[str, Placement]:
    """Where each process (or one) should be placed, and what was decided."""
    settings = visit.sources.as_seen(visit.settings)
    last = visit.sources.quarter(visit.store, visit.settings)
    return placements(visit.store, settings, visit.now, last, None if process is None else [process])


def _urgency(one: Decided) -> tuple[bool, bool, str, str]:
    return not one.overdue, not one.shaken, one.decision.review_on, one.decision.process


def _wish(form: Mapping[str, str]) -> Wish:
    signed = Signed(
        criticality=_one_of(Criticality, form.get("criticality", "")),
        substitutability=_one_of(Substitutability, form.get("substitutability", "")),
        impact=_one_of(Impact, form.get("impact", "")),
    )
    after = form.get("after", "")
    return Wish(
        place=form.get("place", ""),
        reason=form.get("reason", ""),
        review=form.get("review", ""),
        replacement=form.get("replacement") or None,
        signed=signed,
        seen=form.get("seen") or None,
        after=int(after) if after.isascii() and after.isdecimal() and len(after) < 9 else None,
    )


def _one_of(kind: type[Kind], value: str) -> Kind | None:
    """What was signed; nothing where the form says so."""
    if not value:
        return None
    if value not in set(kind):
        raise OperatorError(f"{value!r} is none that can be signed for", mend=f"use one of {', '.join(kind)}")
    return kind(value)
