"""``switchover costs``: what each option will cost, with the range it may cost it in."""

from __future__ import annotations

from typing import Annotated

import typer

from switchover.costs.ahead import Terms
from switchover.costs.weigh import DRAWS, MONTHS, SEED
from switchover.report.projection_text import render_projection
from switchover.wiring.costs import projection

from .common import DEFAULT_CONFIG, Config, Json, console, print_json, process_named, settings, visible

app = typer.Typer(rich_markup_mode=None)


@app.callback()
def costs() -> None:
    """Costs to come."""


@app.command()
def project(
    process: Annotated[
        list[str] | None, typer.Option("--process", help="Only this process; say it again for another.")
    ] = None,
    months: Annotated[int, typer.Option("--months", min=1, max=120, help="How far.")] = MONTHS,
    draws: Annotated[int, typer.Option("--draws", min=100, max=20_000, help="Futures to draw.")] = DRAWS,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed draws the same futures.")] = SEED,
    assumptions: Annotated[
        bool, typer.Option("--assumptions", help="Print each assumption with its source, owner and date.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Project the costs of staying and of each alternative. Exit 3 if nothing can be projected.

    Usage comes from the record, prices from the price list and the configuration, changes of price from real events.
    An option that is not proven good enough saves nothing.
    """
    terms = settings(config)
    wanted = [process_named(terms, name).name for name in process] if process else None
    found = projection(terms, Terms(months=months, draws=draws, seed=seed, processes=wanted))
    if isinstance(found, str):
        if as_json:
            print_json({"projected": False, "why": found})
        else:
            print(f"Nothing can be projected: {visible(found)}")
        raise typer.Exit(3)
    if as_json:
        print_json(found)
    else:
        render_projection(found, console(), assumptions=assumptions)
