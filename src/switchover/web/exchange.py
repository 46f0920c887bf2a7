"""An exchange: what was tried for it and, for whom that is meant, what was asked and answered."""

from __future__ import annotations

from starlette.responses import Response

from switchover.domain.exchange import MISSING
from switchover.domain.process import Bodies
from switchover.errors import NotFound
from switchover.evidence import events
from switchover.report.failing import answered, asked
from switchover.store.exchanges import get_exchange

from .long_text import readable, show_part
from .visit import Visit

PARTS = ("request", "answer")


def show(visit: Visit) -> Response:
    """The page of the exchange that the path names; of a long text the part from the character asked for on."""
    found = get_exchange(visit.store, visit.parts["exchange"])
    if found is None:
        raise NotFound(f"there is no one exchange {visit.parts['exchange']!r}", mend="see its process")
    reads = visit.may("bodies", found.process)
    kept = found.bodies in (Bodies.FULL, Bodies.REDACTED)
    if reads and kept and visit.actor.is_person:
        with visit.sources.noting(visit.settings, visit.check("bodies", found.process)) as note:
            note(events.shown(found.id, found.process))
    part = visit.asked.get("part", "")
    if reads and kept and part in PARTS:
        body = found.request if part == "request" else found.answer
        return show_part(visit, readable(body), f"{part.capitalize()} of {found.id}")
    return visit.page(
        "exchange.html",
        found=found,
        reads=reads,
        kept=kept,
        missing=[one.removeprefix(MISSING) for one in found.dropped if one.startswith(MISSING)],
        question=asked(found) if reads and kept else None,
        answer=answered(found) if reads and kept else None,
        known=found.process in visit.settings.processes,
    )
