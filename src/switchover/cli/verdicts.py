"""``switchover verdicts``: what was concluded about which candidate, on what numbers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

import typer
from rich.table import Table

from switchover.domain.candidate import Verdict
from switchover.wiring import register

from .common import DEFAULT_CONFIG, Config, Json, console, moment, plain, print_json, settings

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def verdicts(
    process: Annotated[str | None, typer.Option("--process", "-p", help="Only this process.")] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """List the newest verdict of each cell."""
    known = settings(config)
    found = register.verdicts(known, process)
    void = register.void(known, found)
    if as_json:
        print_json([{**plain(one), "void": void.get(one.id)} for one in found])
        return
    if not found:
        print("No verdicts yet. Rehearse a candidate: switchover rehearse PROCESS --candidate UPSTREAM")
        return
    console().print(table(found, void))
    for reason in sorted({f"{one.cell.upstream}: {void[one.id]}" for one in found if one.id in void}):
        print(f"void – {reason}")


def table(found: list[Verdict], void: Collection[str] = ()) -> Table:
    """Verdicts as a table: state, replays, difference with its bounds, expiry. ``void``: ids that say no more."""
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("process", "candidate", "prompt version", "verdict", "replays", "difference [bounds]", "expires"):
        drawn.add_column(heading, justify="right" if heading == "replays" else "left")
    for verdict in found:
        overall = verdict.evidence.overall
        mean = "–" if overall.mean_difference is None else f"{overall.mean_difference:+.3f}"
        drawn.add_row(
            verdict.cell.process,
            verdict.cell.upstream,
            verdict.cell.prompt_version,
            f"{verdict.state}, void" if verdict.id in void else str(verdict.state),
            str(overall.replays),
            f"{mean} [{overall.lower:+.2f}, {overall.upper:+.2f}]",
            moment(verdict.expires_at)[:10],
        )
    return drawn
