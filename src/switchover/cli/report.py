"""``switchover report``: answer the board's four questions, and issue reports of the answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from switchover.errors import OperatorError
from switchover.report.html import render_html
from switchover.report.pdf import library, render_pdf
from switchover.report.text import render_text
from switchover.wiring import answer

from .common import DEFAULT_CONFIG, Config, Json, acting, console, moment, print_json, settings, visible

app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)
Html = Annotated[Path | None, typer.Option("--html", help="Write the page here, too.")]
Pdf = Annotated[Path | None, typer.Option("--pdf", help="Write the PDF here, too.")]
Simulated = Annotated[
    list[str] | None, typer.Option("--simulated", help="An upstream that stands in for a real one; it is said so.")
]
Since = Annotated[
    str | None, typer.Option("--since", help="Say what changed since this report; default: the newest that was issued.")
]


@app.callback()
def report(
    context: typer.Context,
    html: Html = None,
    pdf: Pdf = None,
    simulated: Simulated = None,
    since: Since = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Print the four answers; every figure comes from the record, the proofs and the drills in the store.

    This looks and changes nothing: what it writes says that it was not issued.
    """
    if context.invoked_subcommand is not None:
        return
    if pdf is not None:
        library()
    answers = answer.report(settings(config), simulated=tuple(simulated or ()), since=since)
    if as_json:
        print_json(answers)
    else:
        render_text(answers, console())
    _write(html, lambda: render_html(answers).encode(), "page", quiet=as_json)
    _write(pdf, lambda: render_pdf(answers), "PDF", quiet=as_json)


@app.command("issue")
def issue(
    html: Html = None,
    pdf: Pdf = None,
    simulated: Simulated = None,
    since: Since = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Issue a report: the store keeps it as it is read, the next one says what changed since, the evidence log knows.

    Without Typst (`switchover[report]`) it is issued as a page alone.
    """
    if pdf is not None:
        library()
    terms = settings(config)
    made = answer.issue(terms, acting(), simulated=tuple(simulated or ()), since=since)
    if as_json:
        print_json(made.report)
    else:
        render_text(made.report, console())
        forms = "as a page and as a PDF" if made.pdf is not None else "as a page; a PDF needs switchover[report]"
        print(f"\nIssued as {made.report.id}, {forms}.")
    _write(html, lambda: made.html, "page", quiet=as_json)
    _write(pdf, lambda: made.pdf or b"", "PDF", quiet=as_json)


@app.command("list")
def list_(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """List the reports that were issued, newest first."""
    found = answer.issued(settings(config))
    if as_json:
        print_json([one for one, _ in found])
        return
    if not found:
        print("No report was issued yet: `switchover report issue` issues one.")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("report", "as of (UTC)", "by", "evidence", "SHA-256 of the PDF"):
        table.add_column(column, overflow="fold")
    for one, by in found:
        entries = "–" if one.size is None else f"{one.size:,} entries"
        table.add_row(one.id, moment(one.made_at), visible(by), entries, one.pdf_sha256 or "none was made")
    console().print(table)


@app.command("save")
def save(
    name: Annotated[str, typer.Argument(metavar="REPORT", help="The report, as `switchover report list` names it.")],
    html: Html = None,
    pdf: Pdf = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Write a report that was issued to files, byte for byte as it was."""
    if html is None and pdf is None:
        raise typer.BadParameter("name a file to write: --html FILE, --pdf FILE")
    page, paper = answer.files_of(settings(config), name, html=html is not None, pdf=pdf is not None)
    _write(html, lambda: page or b"", "page")
    _write(pdf, lambda: paper or b"", "PDF")


def _write(path: Path | None, made: Callable[[], bytes], what: str, *, quiet: bool = False) -> None:
    """Writes what was made where a file was named. Raises OperatorError."""
    if path is None:
        return
    data = made()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as cause:
        raise OperatorError(f"{path}: {cause.strerror}", mend="name a file you may write") from cause
    if not quiet:
        print(f"\nThe {what}: {path}")
