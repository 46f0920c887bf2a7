"""What the projection takes for granted: every row with where it stands, and a form to say one otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from starlette.responses import Response

from switchover.costs.ahead import DAY_S, announced
from switchover.costs.assumed import Overtaken, Standing, assume, standing, standings
from switchover.costs.mechanisms import mechanisms, row_of
from switchover.costs.options import expected
from switchover.domain.costing import EDITED, FILE, Edit
from switchover.errors import ConfigError, NotFound, OperatorError, StoreUnavailable
from switchover.report.projection_text import assumption_words
from switchover.store.assumptions import edits, history
from switchover.store.people import people

from .visit import Visit

ACT = "costs assume"
FIELDS = {
    "value": "What is most likely",
    "low": "The least it may be",
    "high": "The most it may be",
    "source": "Where it comes from",
    "owner": "The role that answers for it",
    "date": "The day it was said, such as 2026-11-20",
}
OPTIONAL = ("low", "high")


def show(visit: Visit) -> Response:
    """Every assumption, those that can be said first."""
    rows = standings(visit.settings, edits(visit.store))
    kept = [one.row.kept_in for one in rows]
    today = visit.now - visit.now % DAY_S
    events = expected(visit.settings.costing.events, announced(visit.store, visit.settings, today), today)
    return visit.page(
        "assumptions.html",
        rows=rows,
        edited=kept.count(EDITED),
        filed=kept.count(FILE),
        voids=[one.void for one in rows if one.void],
        events=[(row_of(event), event) for event in events],
        mechanisms=mechanisms(),
        may={one.name for one in rows if visit.may(ACT, one.process)},
        assumption_words=assumption_words,
    )


def show_one(visit: Visit) -> Response:
    """One assumption, with the form for whoever may say it, and who said it so far."""
    found = _asked(visit)
    row = found.row
    given = {name: str(getattr(row, name)) for name in ("source", "owner")}
    ends = {name: f"{Decimal(f'{getattr(row, name):.12g}'):f}" for name in ("value", "low", "high")}
    today = datetime.fromtimestamp(visit.now, UTC).strftime("%Y-%m-%d")
    return _page(visit, found, {**given, **ends, "date": today, "reason": ""})


def take(visit: Visit) -> Response:
    """Takes an edit, or takes one back; of two who edit at once the second is told."""
    found = _asked(visit)
    actor = visit.check(ACT, found.process)
    given = {name: visit.form.get(name, "") for name in (*FIELDS, "reason")}
    told = visit.form.get("seen", "")
    seen = int(told) if told.isascii() and told.isdecimal() and len(told) < 9 else -1
    fields = None if visit.form.get("do") == "take back" else {name: given[name] for name in FIELDS}
    try:
        with visit.sources.noting(visit.settings, actor) as note:
            made = assume(
                visit.store, visit.settings, found.name, fields,
                seen=seen, reason=given["reason"], actor=actor, now=visit.now, note=note,
            )  # fmt: skip
    except ConfigError as error:
        why = f"got {error.got}; want {error.want}"
        return _page(visit, found, given, 400, wrong=(error.at.rpartition(".")[2], why))
    except (StoreUnavailable, NotFound):
        raise
    except OperatorError as error:
        return _page(visit, found, given, 400, wrong=("reason", f"{str(error).splitlines()[0]}: {error.mend}"))
    if isinstance(made, Overtaken):
        return _page(visit, _asked(visit), given, 409, overtaken=True)
    return visit.see(f"/costs/assumptions/{found.name}")


def _asked(visit: Visit) -> Standing:
    return standing(visit.settings, edits(visit.store), visit.parts["assumption"])


def _page(
    visit: Visit,
    found: Standing,
    given: Mapping[str, str],
    status: int = 200,
    *,
    wrong: tuple[str, str] | None = None,
    overtaken: bool = False,
) -> Response:
    """The page with the form as it was filled in; ``wrong`` is the field and what is wrong with it."""
    earlier = history(visit.store, found.name)
    field, why = wrong or ("", "")
    return visit.page(
        "assumption.html",
        status,
        found=found,
        given=given,
        fields=FIELDS,
        optional=OPTIONAL,
        field=field if field in (*FIELDS, "reason") else "",
        why=why,
        overtaken=overtaken,
        may=visit.may(ACT, found.process),
        history=earlier,
        names=_names(visit, earlier),
        own=sorted(visit.settings.processes) if found.per_process and found.process is None else [],
        file=visit.settings.source,
        assumption_words=assumption_words,
    )


def _names(visit: Visit, earlier: list[Edit]) -> Mapping[str, str]:
    """Who edited, by what rows call them."""
    asked = {one.by for one in earlier}
    known = {one.id: one.name for one in people(visit.store)} if asked else {}
    return {by: known.get(by, by) for by in asked}
