"""``switchover approve``: agree to what another person asked for."""

from __future__ import annotations

from typing import Annotated

import typer

from switchover.wiring import access

from .common import DEFAULT_CONFIG, Config, acting, settings, visible

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def approve(
    approval: Annotated[str, typer.Argument(help="Its id, as `approvals list` shows it.")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Agree to what another person asked for; then they carry it out, once."""
    found = settings(config)
    done = access.approve(found, acting(), approval)
    print(f"{done.id} is approved: {visible(f'{done.act} {done.target}')}.")
