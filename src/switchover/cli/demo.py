"""``switchover demo``: the whole loop on an insurer's inbox, with simulated vendors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from switchover.demo.screen import Screen
from switchover.demo.stay import open_again
from switchover.demo.story import play

from .common import console

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where the demo may write.")] = Path("demo-data"),
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same verdicts.")] = 1,
    stay: Annotated[
        bool | None,
        typer.Option("--stay/--no-stay", help="Keep the pages and some traffic running; default: in a terminal."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Play nothing: serve the pages on what an earlier demo left.")
    ] = False,
) -> None:
    """Record, rehearse, adapt, prove, drill, cut off and answer; every figure printed is measured in this run.

    Five weeks before today are made up and called so. At the end the pages go on until Ctrl-C.
    """
    screen = Screen(console())
    if again:
        open_again(folder, seed, screen)
        return
    stays = sys.stdin.isatty() and sys.stdout.isatty() if stay is None else stay
    play(folder, seed, screen, stays=stays)
