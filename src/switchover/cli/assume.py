"""``costs assumptions`` and ``costs assume``: what the projection takes for granted, and saying otherwise."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from switchover.report.projection_text import KEPT_IN, assumption_words
from switchover.wiring.costs import assume, assumptions
from switchover.wiring.parts import CLOCK

from .common import DEFAULT_CONFIG, Config, Json, acting, console, plain, print_json, settings, visible


def show(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Show every assumption that can be said, and where the row in force stands: edited, in the file, or shipped."""
    found = assumptions(settings(config))
    if as_json:
        print_json(plain(found))
        return
    made = Table(box=None, pad_edge=False)
    for name in ("assumption", "value (range)", "stands", "owner", "date"):
        made.add_column(name, overflow="fold")
    for one in found:
        row = one.row
        made.add_row(*map(visible, (one.name, assumption_words(row), KEPT_IN[row.kept_in], row.owner, row.date)))
    console().print(made)
    for one in found:
        if one.void:
            print(visible(one.void))


def take(
    name: Annotated[str, typer.Argument(help="Such as power_usd_kwh, or defect_usd:claims for one process.")],
    value: Annotated[str | None, typer.Argument(help="What is most likely, in the row's unit.")] = None,
    low: Annotated[str, typer.Option("--low", help="The least it may be; default: the value.")] = "",
    high: Annotated[str, typer.Option("--high", help="The most it may be; default: the value.")] = "",
    source: Annotated[str, typer.Option("--source", help="Where it comes from.")] = "",
    owner: Annotated[str, typer.Option("--owner", help="The role that answers for it.")] = "",
    date: Annotated[str, typer.Option("--date", help="The day it was said; default: today.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why it is changed; kept with who did, and when.")] = "",
    take_back: Annotated[
        bool, typer.Option("--take-back", help="Let the file's row, or the shipped one, be in force again.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Say an assumption of the projection yourself, before what the file says; who, when and why is kept and noted."""
    if (value is None) != take_back:
        raise typer.BadParameter("say a value, or --take-back", param_hint="VALUE")
    given = None
    if value is not None:
        day = date or datetime.fromtimestamp(CLOCK.now(), UTC).strftime("%Y-%m-%d")
        given = {"value": value, "low": low, "high": high, "source": source, "owner": owner, "date": day}
    made = assume(settings(config), acting(), name, given, reason)
    if as_json:
        print_json(plain(made))
        return
    print(f"{visible(name)}: {visible(assumption_words(made.row))}. {KEPT_IN[made.row.kept_in]}.")
