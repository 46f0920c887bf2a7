"""The board's four answers, from the store and the register as they are; and reports of them that are issued."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from switchover.domain.people import Actor
from switchover.domain.process import Settings
from switchover.errors import NotFound
from switchover.evidence import events
from switchover.report.assemble import assemble
from switchover.report.changes import changes
from switchover.report.headlines import headlines, kept, read
from switchover.report.html import render_html
from switchover.report.model import BoardReport
from switchover.report.pdf import has_library, render_pdf
from switchover.store import Store
from switchover.store import reports as rows
from switchover.store.people import name_of

from .evidence import noting, sealed, sign
from .parts import CLOCK, open_store
from .register import snapshot
from .templates import with_templates

MOST_LISTED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A report as it was issued, in the forms that people get; ``pdf`` is None where Typst is not installed."""

    report: BoardReport
    html: bytes
    pdf: bytes | None


def report(settings: Settings, *, simulated: Sequence[str] = (), since: str | None = None) -> BoardReport:
    """The four answers as of now, and what changed since the report ``since`` (None: the newest that was issued).

    Raises NotFound for a stand-in that is no upstream, and for a report that was never issued.
    """
    _check_names(settings, simulated)
    settings = with_templates(settings, idle=True)
    with open_store(settings) as store:
        return _report(settings, store, simulated, since)


def issue(settings: Settings, actor: Actor, *, simulated: Sequence[str] = (), since: str | None = None) -> Issued:
    """Makes a report over a fresh evidence checkpoint, keeps it, and notes that with the digests of what people get.

    Raises as :func:`report`.
    """
    _check_names(settings, simulated)
    sign(settings)
    settings = with_templates(settings, idle=True)
    with open_store(settings) as store, noting(settings, actor) as note:
        found = replace(_report(settings, store, simulated, since), id=rows.new_id())
        html = render_html(found).encode()
        pdf = render_pdf(found) if has_library() else None
        at = found.sealed
        fact = rows.save_report(
            store,
            str(found.id),
            made_at=found.made_at,
            by=actor.recorded,
            checkpoint=(at.size, at.root, at.origin) if at else None,
            headlines=kept(headlines(found)),
            html=html,
            pdf=pdf,
        )
        note(events.saved(fact))
    return Issued(report=found, html=html, pdf=pdf)


def issued(settings: Settings) -> list[tuple[rows.IssuedReport, str]]:
    """The newest reports that were issued, newest first, and by whom, by name."""
    with open_store(settings) as store:
        return [(one, name_of(store, one.issued_by)) for one in rows.issued_reports(store, MOST_LISTED)]


def files_of(settings: Settings, name: str, *, html: bool, pdf: bool) -> tuple[bytes | None, bytes | None]:
    """A report as it was issued, as a page and as a PDF where asked for. Raises NotFound."""
    with open_store(settings) as store:
        rows.issued_report(store, name)
        return rows.html_of(store, name) if html else None, rows.pdf_of(store, name) if pdf else None


def _report(settings: Settings, store: Store, simulated: Sequence[str], since: str | None) -> BoardReport:
    before = since or next((one.id for one in rows.issued_reports(store, 1)), None)
    was = read(before, rows.headlines_of(store, before)) if before is not None else None
    known = snapshot(settings, store)
    found = assemble(store, settings, known, CLOCK.now(), simulated=simulated, sealed=sealed(settings))
    found = replace(found, address=settings.pages.address)
    if before is None or was is None:
        return found
    return replace(found, since=changes(was, before, headlines(found)))


def _check_names(settings: Settings, simulated: Sequence[str]) -> None:
    for name in simulated:
        if name not in settings.upstreams:
            raise NotFound(f"there is no upstream {name!r}", mend=f"use one of {', '.join(sorted(settings.upstreams))}")
