"""``switchover doctor``: say what is wrong and how to mend it."""

from __future__ import annotations

from dataclasses import asdict

import typer

from switchover.wiring import diagnosis

from .common import DEFAULT_CONFIG, Config, Json, print_json, settings

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def doctor(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Look at configuration, keys, folder, store, weights and what runs. Exit 1 when something needs mending."""
    findings = diagnosis.examine(settings(config))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.well else 'BAD '} {finding.what}: {finding.said}")
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)
