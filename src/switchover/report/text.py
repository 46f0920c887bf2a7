"""The four answers in a terminal of 80 columns. Nothing is cut off: what is long goes on in the next line."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from switchover.domain.process import Bodies

from . import wording
from .model import Answer, BoardReport, Loss, Permission, ProcessFate, Since, Spend
from .placement_text import placed_line
from .projection_text import options_table, scenario_words

STYLES = {True: "green", False: "red", None: ""}


def render_text(report: BoardReport, console: Console) -> None:
    """Prints the four answers; figures are those of the page."""
    if report.simulated:
        names = wording.harmless(", ".join(report.simulated))
        rest = "" if report.note else " All else is measured on real parts."
        _line(console, Text(f"Simulated vendor: {names}.{rest}", style="yellow"), 0)
    if report.note:
        _line(console, Text(wording.harmless(report.note), style="yellow"), 0)
    _window(console, report)
    for answer, details in zip(report.answers, (_losses, _permissions, _spends, _capacity), strict=True):
        _answer(console, answer)
        details(console, report)
    if report.since is not None:
        _changes(console, report.since)


def _window(console: Console, report: BoardReport) -> None:
    if report.window is None:
        said = "Nothing has been recorded yet, so what traffic would tell is not known."
    else:
        first, last = report.window
        said = f"Recorded from {wording.moment(first)} to {wording.moment(last)} UTC ({wording.span(last - first)})."
    if unseen := [s.process.name for s in report.standings if s.process.recording.bodies is Bodies.NONE]:
        said += f" Of {', '.join(unseen)} nothing is recorded (recording: none), so nothing here counts its traffic."
    if report.supposed:
        said += " Nothing was running when this was made: own engines are taken to start."
    _line(console, Text(said, style="dim"), 0)
    if report.missing:
        lacks = f"Known to be missing from the record: {wording.harmless('; '.join(report.missing))}."
        _line(console, Text(lacks, style="yellow"), 0)


def _answer(console: Console, answer: Answer) -> None:
    console.print()
    console.print(Text(f"{answer.number}  {answer.question}", style="bold"))
    line = Text(wording.harmless(answer.figure), style="bold")
    line.append(f" {wording.harmless(answer.words)}", style="not bold")
    if answer.simulated:
        line.append(" [simulated vendor]", style="not bold yellow")
    _line(console, line)


def _losses(console: Console, report: BoardReport) -> None:
    for loss in report.losses:
        _line(console, _loss(loss))
        for fate in loss.fates:
            _line(console, _fate(fate), 5)
    if report.concentration:
        _line(console, Text(wording.concentration(report.graph), style="dim"))


def _loss(loss: Loss) -> Text:
    line = Text(f"without {loss.target.kind} {wording.harmless(loss.target.name)}: ")
    line.append(wording.share(loss.surviving), style="bold")
    line.append(" shown to go on")
    if loss.proven is not None and loss.surviving is not None and loss.proven > loss.surviving:
        line.append(f", {wording.share(loss.proven - loss.surviving)} proven but untested")
    return line


def _fate(fate: ProcessFate) -> Text:
    style = "green" if fate.fate.survives else "yellow" if fate.fate.open else "red"
    line = Text(f"{wording.harmless(fate.process)}: ")
    line.append(str(fate.fate), style=style)
    if fate.served_by:
        line.append(f", answered by {wording.harmless(fate.served_by)}")
    if not fate.critical:
        line.append(" (not critical, not counted)", style="dim")
    return line


def _permissions(console: Console, report: BoardReport) -> None:
    for process in dict.fromkeys(row.process for row in report.permissions):
        rows = [row for row in report.permissions if row.process == process]
        _line(console, Text(f"{wording.harmless(process)} ({rows[0].data} data)"))
        for row in rows:
            _line(console, _permission(row), 5)
    for placed in report.placements:
        _line(console, placed_line(placed))


def _permission(row: Permission) -> Text:
    host = "own machine" if row.own else wording.harmless(f"{row.host}, {row.home}")
    line = Text(f"{wording.harmless(row.upstream)} ({host}): ")
    if row.violation:
        line.append("BREACH", style="bold red")
    else:
        line.append("allowed" if row.allowed else "kept away")
    line.append(f", asked {row.asked}, answered {row.answered}")
    return line


def _spends(console: Console, report: BoardReport) -> None:
    for row in report.spend:
        _line(console, _spend(row))
        if row.gaps:
            _line(console, Text(f"not priced: {wording.harmless('; '.join(row.gaps))}", style="dim"), 5)
        if row.estimated:
            _line(console, Text(f"of it: {wording.harmless('; '.join(row.estimated))}", style="dim"), 5)
    found = report.ahead
    if isinstance(found, str):
        return
    console.print(Padding(options_table(found), (0, 0, 0, 3), expand=False))
    said = f"staying after one change of price: {scenario_words(found)}"
    _line(console, Text(said))
    for option in found.options:
        if option.unproven:
            names = wording.harmless(", ".join(option.unproven))
            _line(console, Text(f"{wording.harmless(option.name)} is unproven in {names}: no saving", style="dim"), 5)
    said = "More, with every assumption: switchover costs project."
    _line(
        console,
        Text(
            f"{found.months} months, {found.draws:,} draws; a range to plan with, not a forecast. {said}", style="dim"
        ),
    )


def _spend(row: Spend) -> Text:
    line = Text(f"{wording.harmless(row.process)}: ")
    if row.monthly is None:
        return line.append("unknown, no exchange has a price")
    line.append(f"{wording.usd(row.spent)} for {row.priced} of {row.exchanges} exchanges in {wording.span(row.window)}")
    return line.append(f"; {wording.usd(row.monthly)} a month at that rate")


def _capacity(console: Console, report: BoardReport) -> None:
    for row in report.capacity:
        line = Text(wording.harmless(f"{row.process} on {row.upstream} ({row.state}): "))
        if row.per_minute is None:
            line.append("unknown, never measured")
        else:
            line.append(f"{row.per_minute:,.0f} answers a minute")
            if row.share is not None:
                line.append(f", {wording.share(row.share)} of the busiest minute's {row.peak_minute}")
            if not row.ready:
                line.append(", not proven", style="yellow")
        _line(console, line)


def _changes(console: Console, since: Since) -> None:
    """What got worse first, among the processes."""
    console.print()
    title = f"What changed since {wording.harmless(since.id)} of {wording.moment(since.made_at)} UTC"
    console.print(Text(title, style="bold"))
    for topic, words, better in zip(wording.TOPICS, since.answers, since.better, strict=True):
        _line(console, Text(f"{topic}: {wording.harmless(words)}", style=STYLES[better]))
    for one in since.processes:
        _line(console, Text(wording.harmless(f"{one.process}: {one.words}"), style=STYLES[one.better]))
    if not since.processes:
        _line(console, Text("No process stands otherwise.", style="dim"))


def _line(console: Console, text: Text, indent: int = 3) -> None:
    text.overflow, text.no_wrap = "fold", False
    console.print(Padding(text, (0, 0, 0, indent), expand=False))
