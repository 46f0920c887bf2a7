"""What the demo shows while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from switchover.domain.candidate import State, Verdict

RIGHT = ("n", "right*", "itself", "anchor")
SHOWN = {State.READY: "bold green", State.NOT_READY: "bold red"}


class Screen:
    """Prints the story: numbered steps, the command a user would type, bars, and figures measured in this run."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._step = 0
        self._begun = time.monotonic()

    def title(self) -> None:
        """The first lines."""
        self.console.print()
        self.console.print("Switchover: know that you can switch AI models before you have to.", style="bold")
        self.console.print(
            "An insurer's inbox. The vendor is SIMULATED on this machine: real wire format,\n"
            "wrong on a seeded share of calls. Gateway, record, engine, student, verdicts\n"
            "and drill are real. No key, no network.",
            style="yellow",
        )

    def step(self, words: str, command: str | None = None) -> None:
        """A new step of the story."""
        self._step += 1
        now = time.monotonic()
        if self._step > 1:
            self.say(f"({now - self._begun:.0f} s)", "dim")
        self._begun = now
        self.console.print()
        self.console.print(f"{self._step}  {words}", style="bold")
        if command:
            self.console.print(f"   $ {command}", style="dim")

    def say(self, words: str, style: str = "") -> None:
        """A paragraph, indented; square brackets mark styles."""
        self.console.print(Padding(Text.from_markup(words, style=style), (0, 0, 0, 3)))

    def address(self, url: str) -> None:
        """Where the pages are, while they are served."""
        self.console.print()
        self.console.print(Text.assemble(("   The dashboard: ", "bold"), (f"{url}/", "bold green")))
        self.say("Traffic goes on and it is yours: cut a provider, look, restore it. Ctrl-C ends it.", "dim")

    def command(self, words: str, command: str) -> None:
        """What to type next."""
        self.console.print()
        self.console.print(Text.assemble(("   ", ""), (f"{words}: ", "bold"), (command, "bold green")))

    def quote(self, words: str) -> None:
        """Somebody's words, as they are."""
        self.console.print(Padding(Text(f"“{words}”", style="yellow"), (0, 0, 0, 6)))

    @contextmanager
    def bar(self, label: str, total: int | None = None) -> Iterator[Callable[..., None]]:
        """A progress bar; the function it gives says how much is done, and of how much."""
        columns = (
            TextColumn("   {task.description:<34}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(label, total=total)

            def show(done: int, of: int | None = None) -> None:
                progress.update(task, completed=done, total=of if of is not None else total)

            yield show

    def verdicts(self, found: list[Verdict]) -> None:
        """Verdicts in a table per process, each with what it must be read beside."""
        for process in dict.fromkeys(verdict.cell.process for verdict in found):
            table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
            for heading in (process, "verdict", "n", "right*", "itself", "anchor", "difference"):
                table.add_column(heading, justify="right" if heading in RIGHT else "left", no_wrap=True)
            for verdict in found:
                if verdict.cell.process == process:
                    table.add_row(*_row(verdict))
            self.console.print(Padding(table, (0, 0, 0, 3)))


def _row(verdict: Verdict) -> list[str | Text]:
    evidence, version = verdict.evidence, verdict.cell.prompt_version.rsplit("-", 1)[0]
    overall, upstream = evidence.overall, verdict.cell.upstream
    return [
        upstream if version == upstream else f"{upstream}, {version}",
        Text(str(verdict.state), style=SHOWN.get(verdict.state, "bold yellow")),
        str(overall.replays),
        _share(evidence.candidate_score),
        _share(evidence.baseline_self_agreement),
        _share(evidence.anchor_score),
        Text(f"{overall.mean_difference or 0:+.2f} [{overall.lower:+.2f}, {overall.upper:+.2f}]"),
    ]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.0f} %"
