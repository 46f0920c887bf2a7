"""The four answers in a terminal of 80 columns."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import wording
from .model import BoardReport, Fate, Loss

STYLES = {Fate.STOPS: "red", Fate.UNTESTED: "yellow", Fate.TOO_SLOW: "yellow"}


def render_text(report: BoardReport, console: Console) -> None:
    """Prints the four answers; figures are those of the page."""
    if report.simulated:
        console.print(
            f"Simulated vendor: {', '.join(report.simulated)}. All else is measured on real parts.", style="yellow"
        )
    _question(console, 1, "How dependent are we, and what survives?")
    for loss in report.losses:
        _loss(console, loss)
    _question(console, 2, "Which processes are too critical to hand over entirely?")
    _permissions(console, report)
    _question(console, 3, "What will it cost over two years if prices change?")
    _spend(console, report)
    _question(console, 4, "Can we run an alternative ourselves?")
    _capacity(console, report)


def _question(console: Console, number: int, words: str) -> None:
    console.print()
    console.print(Text(f"{number}  {words}", style="bold"))


def _loss(console: Console, loss: Loss) -> None:
    line = Text(f"   without {loss.target.kind} {wording.harmless(loss.target.name)}: ")
    line.append(wording.share(loss.surviving), style="bold")
    line.append(" of critical volume goes on, shown by proof and drill")
    if loss.proven is not None and loss.surviving is not None and loss.proven > loss.surviving:
        line.append(f"; {wording.share(loss.proven - loss.surviving)} more is proven but untested")
    console.print(line)
    for fate in loss.fates:
        text = Text(f"     {wording.harmless(fate.process)}: ")
        text.append(str(fate.fate), style=STYLES.get(fate.fate, "green"))
        text.append(f" ({fate.served_by})" if fate.served_by else "")
        console.print(text)


def _permissions(console: Console, report: BoardReport) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for heading in ("   process", "data", "upstream", "host", "policy", "answers"):
        table.add_column(heading, justify="right" if heading == "answers" else "left")
    for row in report.permissions:
        policy = "VIOLATION" if row.violation else "allowed" if row.allowed else "kept away"
        host = "own machine" if row.own else f"{row.host}, {row.home}"
        table.add_row(f"   {row.process}", row.data, row.upstream, host, policy, str(row.answered))
    console.print(table)


def _spend(console: Console, report: BoardReport) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    changes = sorted(next((row.scenarios for row in report.spend if row.scenarios), {}))
    for heading in ("   process", "recorded", "a month", *(f"{change:+d} %" for change in changes)):
        table.add_column(heading, justify="left" if heading == "   process" else "right")
    for row in report.spend:
        ends = [wording.usd(row.scenarios[change][-1]) if row.scenarios else "unknown" for change in changes]
        table.add_row(f"   {row.process}", wording.usd(row.spent), wording.usd(row.monthly), *ends)
    console.print(table)
    for row in report.spend:
        if row.gaps:
            console.print(f"   {row.process}, not priced: {'; '.join(row.gaps)}", style="dim")
    window = max((row.window for row in report.spend), default=0.0)
    if window:
        console.print(
            f"   24 months, from {wording.span(window)} of record at its own rate day and night.", style="dim"
        )


def _capacity(console: Console, report: BoardReport) -> None:
    for row in report.capacity:
        line = f"   {row.process} on {row.upstream} ({row.state}): "
        if row.per_minute is None:
            console.print(line + "unknown, never measured")
            continue
        share = f", {wording.share(row.share)} of the peak of {row.peak_minute}" if row.share is not None else ""
        console.print(line + f"{row.per_minute:,.0f} answers a minute{share}")
