"""``switchover check``: read the configuration and say what is wrong with it."""

from __future__ import annotations

import typer

from .common import DEFAULT_CONFIG, Config, counted, settings

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def check(config: Config = DEFAULT_CONFIG) -> None:
    """Reads the configuration; prints what it found or where it is wrong."""
    found = settings(config)
    upstreams = counted(len(found.upstreams), "upstream", "upstreams")
    print(f"{config}: {upstreams}, {counted(len(found.processes), 'process', 'processes')}. No fault found.")
