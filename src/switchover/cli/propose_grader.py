"""``switchover propose-grader``: say which grader suits a process, from the answers on record."""

from __future__ import annotations

from typing import Annotated

import typer

from switchover.config.draft import rehearse_section
from switchover.wiring.proposals import proposed

from .common import DEFAULT_CONFIG, Config, Json, acting, print_json, process_named, settings, visible

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def propose_grader(
    process: Annotated[str, typer.Argument(help="The process.")],
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Say which grader suits a process: what its recorded answers look like, a section to paste, and what is unsure.

    Nothing is changed. The section is a draft: read it, and edit it.
    """
    found = settings(config)
    name = process_named(found, process).name
    proposal = proposed(found, name, acting())
    if as_json:
        print_json(proposal)
        return
    print(f"{name}: {'; '.join(proposal.seen)}.")
    print(f"\nUnder processes.{name} in {config}:\n")
    print(visible(rehearse_section(proposal.section, "    ")))
    for one in proposal.unsure:
        print(f"Unsure: {visible(one)}.")
    if (rehearse := found.processes[name].rehearse) is not None and rehearse.grader != proposal.section["grader"]:
        print(f"It is judged by {rehearse.grader} today. Another grader, or other settings, begin an empty ledger.")
