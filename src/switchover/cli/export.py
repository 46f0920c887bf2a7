"""``switchover export``: what others read without Switchover."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from switchover.wiring import evidence

from .common import DEFAULT_CONFIG, Config, Json, counted, print_json, settings

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def export() -> None:
    """Export what others read without Switchover."""


@app.command("evidence")
def bundle(
    to: Annotated[Path, typer.Option("--to", help="A new folder, or a new file that ends in .zip.")],
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Write the evidence log for an auditor: entries, tiles, checkpoints, public key, and what checks them."""
    signed = evidence.write_bundle(settings(config), to)
    if as_json:
        print_json({"to": str(to), "size": signed.size, "root": signed.root.hex()})
        return
    print(
        f"{counted(signed.size, 'entry', 'entries')} of {signed.origin} in {to}; README.md there says how to check it"
    )
