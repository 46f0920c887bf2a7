"""``switchover placement``: where each process should be placed and why, and what was decided."""

from __future__ import annotations

from typing import Annotated

import typer

from switchover.report.placement_text import in_full, in_lines
from switchover.report.placements import Placement
from switchover.wiring.placement import placed

from .common import DEFAULT_CONFIG, Config, Json, plain, print_json, process_named, settings, visible

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def placement(
    process: Annotated[str | None, typer.Argument(help="Only this process, with all reasons and decisions.")] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Show where each process is proposed to be placed (own, other host, vendor), and what a person decided.

    The rules are in docs/explanation/placement.md. A person decides: switchover decide.
    """
    terms = settings(config)
    found = placed(terms, process_named(terms, process).name if process is not None else None)
    if as_json:
        print_json([told(one) for one in found.values()])
    elif process is not None:
        print(visible("\n".join(in_full(found[process]))))
    elif not found:
        print("No process is configured.")
    else:
        for one in found.values():
            print(visible("\n".join(in_lines(one))))


def told(one: Placement) -> dict[str, object]:
    """For machines."""
    return {
        "process": one.process.name,
        "state": one.state,
        "proposal": plain(one.proposal),
        "assessed": plain(one.assessed),
        "signed": {subject: {"value": value, "by": by} for subject, (value, by) in one.signed.items()},
        "decided": plain(one.decided),
        "history": plain(one.history),
    }
