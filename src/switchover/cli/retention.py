"""``switchover retention``: delete what has had its time."""

from __future__ import annotations

from typing import Annotated

import typer

from switchover.wiring import archive as wired

from .common import DEFAULT_CONFIG, Config, Json, moment, print_json, settings, visible

app = typer.Typer(rich_markup_mode=None)

MEANS = {
    "exchanges": "exchanges of",
    "bodies": "requests and answers of",
    "archive": "days in the archive of",
    "spool": "segments of the worker",
}


@app.callback(invoke_without_command=True)
def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Delete what has had its time; `switchover up` does so by itself, four times a day."""
    known = settings(config)
    found = wired.due(known) if dry_run else wired.retain(known)
    if as_json:
        print_json(found)
        return
    for one in found:
        verb = "would go" if dry_run else "deleted"
        print(visible(f"{one.count:>9} {MEANS[one.what]} {one.process} from before {moment(one.before)} {verb}"))
    if not found:
        print("Nothing has had its time.")
