"""Pages from templates: whatever a template prints is escaped and made harmless, whoever forgot to say so."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import jinja2
from starlette.responses import HTMLResponse, Response

from switchover.domain.budget import dollars
from switchover.domain.figures import figure
from switchover.report import wording
from switchover.report.explaining import points
from switchover.report.timeline import seconds_said

from . import static, texts
from .menu import menu_for
from .notices import notices

if TYPE_CHECKING:
    from .visit import Visit


@cache
def environment() -> jinja2.Environment:
    """Where templates come from: this package, and nowhere else."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("switchover.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=wording.outside,
    )
    made.filters.update(
        share=wording.share,
        figure=figure,
        whole=texts.whole,
        usd=wording.usd,
        moment=wording.moment,
        day=wording.day,
        span=wording.span,
        points=points,
        took=seconds_said,
        cap=dollars,
        change=wording.change,
        shown=texts.shown,
    )
    made.globals["static"] = static.address_of
    return made


def page_of(template: str, *, visit: Visit, **values: object) -> str:
    """A page for somebody who asks."""
    actor = visit.visitor.actor
    who = None if actor is None else actor.name if visit.visitor.signed_in else f"{actor.name}, on this machine"
    return (
        environment()
        .get_template(template)
        .render(
            who=who,
            signed_in=visit.visitor.signed_in,
            form_token=visit.form_token,
            path=visit.path,
            menu=menu_for(visit.may_some),
            note=visit.settings.pages.note,
            now=visit.now,
            notices=notices(visit),
            **values,
        )
    )


def bare_page(status: int, what: str, mend: str, known: Sequence[str] = ()) -> Response:
    """A page that says what is wrong, how to mend it, and what is ``known`` all the same; it rests on nothing else."""
    told = {"what": what, "mend": mend, "known": known, "who": None, "note": ""}
    return HTMLResponse(environment().get_template("trouble.html").render(told), status)
