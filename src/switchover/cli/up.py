"""``switchover up``: run the gateway, the keeper and the local engines."""

from __future__ import annotations

import typer

from switchover.wiring import running

from .common import DEFAULT_CONFIG, Config, settings

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def up(config: Config = DEFAULT_CONFIG) -> None:
    """Run until stopped; SIGTERM lets open streams end. A key that can't be read is named; the rest serves."""
    running.up(settings(config), lambda line: print(line, flush=True))
