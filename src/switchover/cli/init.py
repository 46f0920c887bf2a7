"""``switchover init``: draft a configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from switchover.config import load
from switchover.config.draft import draft
from switchover.errors import OperatorError

from .common import DEFAULT_CONFIG, Config

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def init(
    config: Config = DEFAULT_CONFIG,
    domicile: Annotated[str, typer.Option("--domicile", help="Your country, ISO 3166-1 alpha-2.")] = "NL",
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Draft a configuration from the keys found in the environment (their names, never their values)."""
    path = Path(config)
    if path.exists() and not force:
        raise OperatorError(f"{path} is there already", mend="name another file with --config, or say --force")
    try:
        path.write_text(draft(os.environ, domicile), encoding="utf-8")
    except OSError as cause:
        raise OperatorError(f"{path}: {cause.strerror}", mend="choose a folder that you may write to") from cause
    load(str(path))
    print(f"{path} is drafted. Read it through, then: switchover check, switchover up.")
