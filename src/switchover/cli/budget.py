"""``switchover budget``: what was spent of each budget, what is reserved, and how long it will last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from switchover.domain.budget import USD, BudgetStanding, dollars
from switchover.wiring.budget import standings

from .common import DEFAULT_CONFIG, Config, Json, console, moment, plain, print_json, process_named, settings

app = typer.Typer(rich_markup_mode=None)
NAMES = ("budget", "period")
MONEY = ("cap", "settled", "unknown", "reserved")


@app.callback(invoke_without_command=True)
def budget(
    process: Annotated[str | None, typer.Argument(help="Only the budgets that this process is charged to.")] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Show each budget in the day or month (UTC) that is now. Exit 3 if one is used up.

    Settled is what calls did cost; unknown, a part of it, is what nobody told, so that it counts with the most that it
    could be. Reserved is held by the workers, for calls under way and those to come. Workers tell once a second.
    """
    terms = settings(config)
    found = standings(terms, process_named(terms, process).name if process is not None else None)
    if as_json:
        print_json([_told(one) for one in found])
    elif not found:
        print("No budget. Give a process one: budget: {month: 500 USD}; see docs/how-to/cap-what-is-spent.md")
    else:
        console().print(table(found))
        for one in found:
            if one.is_spent:
                print(f"{one.budget} ({one.period}) is used up until {moment(one.over)} UTC")
            elif one.ends_at is not None:
                print(f"{one.budget} ({one.period}) will be used up at {moment(one.ends_at)} UTC at the pace so far")
    if any(one.is_spent and one.kind == "hard" for one in found):
        raise typer.Exit(3)


def table(found: Sequence[BudgetStanding]) -> Table:
    """One row per cap."""
    made = Table(box=None, pad_edge=False)
    for name in ("budget", "period", "cap", "settled", "of it unknown", "reserved", "share"):
        made.add_column(name, justify="left" if name in NAMES else "right", no_wrap=name in NAMES)
    for one in found:
        share = f"{one.settled / one.cap:.0%}" if one.cap else "100%"
        soft = " (soft)" if one.kind == "soft" else ""
        made.add_row(one.budget, one.name, dollars(one.cap) + soft, *(
            dollars(amount) for amount in (one.settled, one.unknown, one.reserved)
        ), share)  # fmt: skip
    return made


def _told(one: BudgetStanding) -> dict[str, object]:
    """For machines: amounts as decimals in USD, as text so that no digit is lost."""
    told: dict[str, object] = plain(one)
    for name in MONEY:
        amount: int = getattr(one, name)
        told[f"{name}_usd"] = f"{amount // USD}.{amount % USD:06d}"
        del told[name]
    return told
