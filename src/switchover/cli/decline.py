"""``switchover decline``: turn down what somebody asked for."""

from __future__ import annotations

from typing import Annotated

import typer

from switchover.wiring import access

from .common import DEFAULT_CONFIG, Config, acting, settings, visible

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def decline(
    approval: Annotated[str, typer.Argument(help="Its id, as `approvals list` shows it.")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Turn down what somebody asked for, or take back what you asked for."""
    found = settings(config)
    done = access.decline(found, acting(), approval)
    print(f"{done.id} is declined: {visible(f'{done.act} {done.target}')}.")
