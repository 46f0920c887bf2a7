"""``switchover report``: answer the board's four questions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from switchover.errors import OperatorError
from switchover.report.html import render_html
from switchover.report.text import render_text
from switchover.wiring import answer

from .common import DEFAULT_CONFIG, Config, Json, console, print_json, settings

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def report(
    html: Annotated[Path | None, typer.Option("--html", help="Write the page here, too.")] = None,
    simulated: Annotated[
        list[str] | None, typer.Option("--simulated", help="An upstream that stands in for a real one; it is said so.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Print the four answers; every figure comes from the record, the proofs and the drills in the store."""
    answers = answer.report(settings(config), simulated=tuple(simulated or ()))
    if as_json:
        print_json(answers)
    else:
        render_text(answers, console())
    if html is not None:
        try:
            html.parent.mkdir(parents=True, exist_ok=True)
            html.write_text(render_html(answers), encoding="utf-8")
        except OSError as cause:
            raise OperatorError(f"{html}: {cause.strerror}", mend="name a file you may write") from cause
        if not as_json:
            print(f"\nThe page: {html}")
