"""``switchover demo``: the whole loop on an insurer's inbox, with a simulated vendor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from switchover.demo.screen import Screen
from switchover.demo.story import play

from .common import console

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where the demo may write.")] = Path("demo-data"),
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same verdicts.")] = 1,
) -> None:
    """Record, rehearse, adapt, prove, drill, cut off and answer; every figure printed is measured in this run."""
    play(folder, seed, Screen(console()))
