"""The board's report: the answers as they were issued last, issuing another, and every one that was issued."""

from __future__ import annotations

import threading

from starlette.responses import Response

from switchover.errors import OperatorError
from switchover.report.headlines import Headlines, read
from switchover.report.html import answer_html, changes_html
from switchover.report.model import Answer
from switchover.report.pdf import has_library
from switchover.report.wording import checkpoint_words
from switchover.store import reports as rows
from switchover.store.people import name_of

from .menu import MENU
from .visit import Visit

LISTED = 50
# Where each answer's figure is looked into, the first of the sections that there is.
LEADS = {1: ("/dependence", "/processes"), 2: ("/processes",), 3: ("/costs", "/processes"), 4: ("/processes",)}

# A report takes seconds of a core and some memory: one at a time, and nobody gets two by pressing twice.
_making = threading.Lock()


def show(visit: Visit) -> Response:
    """The answers of a report, the newest one unless the path names another."""
    found = rows.issued_reports(visit.store, LISTED)
    asked = visit.parts.get("report")
    chosen = rows.issued_report(visit.store, asked) if asked else found[0] if found else None
    told = read(chosen.id, rows.headlines_of(visit.store, chosen.id)) if chosen else None
    people = {one.issued_by for one in (*found, *([chosen] if chosen else []))}
    return visit.page(
        "report.html",
        chosen=chosen,
        told=told,
        checkpoint=checkpoint_words(told.sealed) if told else "",
        answers=[answer_html(told, number, lead) for number in (1, 2, 3, 4)] if told else [],
        changed=changes_html(told.since) if told else "",
        known=visit.settings.processes,
        reports=found,
        names={one: name_of(visit.store, one) for one in people},
        may_issue=visit.may("report issue", None),
        stand_ins=", ".join(_newest_stand_ins(visit, found)),
        prints=has_library(),
    )


def take(visit: Visit) -> Response:
    """Issues a report, and shows it."""
    actor = visit.check("report issue", None)
    names = [name.strip() for name in visit.form.get("simulated", "").split(",")]
    if not _making.acquire(blocking=False):
        raise OperatorError("a report is being made at this moment", mend="wait for it: it will be the newest")
    try:
        made = visit.sources.issue(visit.settings, actor, [name for name in names if name])
    finally:
        _making.release()
    return visit.see(f"/report/{made}")


def save_page(visit: Visit) -> Response:
    """A report as the page that was issued, byte for byte."""
    name = visit.parts["report"]
    return _download(rows.html_of(visit.store, name), f"{name}.html", "text/html; charset=utf-8")


def save_pdf(visit: Visit) -> Response:
    """A report as the PDF that was issued, byte for byte."""
    name = visit.parts["report"]
    return _download(rows.pdf_of(visit.store, name), f"{name}.pdf", "application/pdf")


def lead(answer: Answer) -> str:
    """Where the figure of an answer leads."""
    there = {entry.path for entry in MENU}
    return next((path for path in LEADS[answer.number] if path in there), "/processes")


def _newest_stand_ins(visit: Visit, found: list[rows.IssuedReport]) -> tuple[str, ...]:
    """Those of the newest report that are still configured."""
    if not found:
        return ()
    told: Headlines = read(found[0].id, rows.headlines_of(visit.store, found[0].id))
    return tuple(name for name in told.simulated if name in visit.settings.upstreams)


def _download(content: bytes, name: str, kind: str) -> Response:
    return Response(content, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})
