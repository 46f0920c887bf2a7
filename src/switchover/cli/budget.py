"""``switchover budget``: what was spent of each budget, what is reserved, and how long it will last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.table import Table

from switchover.domain.budget import USD, BudgetStanding, dollars
from switchover.wiring.alerts import of_budgets
from switchover.wiring.budget import standings, without_key

from .common import DEFAULT_CONFIG, Config, Json, console, moment, plain, print_json, process_named, settings, visible

app = typer.Typer(rich_markup_mode=None)
NAMES = ("budget", "period")
MONEY = ("cap", "settled", "unknown", "reserved", "left", "total")


@app.callback(invoke_without_command=True)
def budget(
    process: Annotated[str | None, typer.Argument(help="Only the budgets that this process is charged to.")] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Show each budget in the day or month (UTC) that is now. Exit 3 if one is used up.

    Settled is what calls did cost; unknown, a part of it, is what nobody told, so that it counts with the most that it
    could be. Reserved is held by the workers, for calls under way and those to come; left is the rest of the cap.
    Workers tell once a second. The forecast is for the whole period, by the rate of late: the last three hours of a
    day, the last seven days of a month; – where it is too early to say.
    """
    terms = settings(config)
    found = standings(terms, process_named(terms, process).name if process is not None else None)
    told = of_budgets(terms, found)
    if as_json:
        print_json([_told(one) | {"alerts": told.get((one.budget, one.name), [])} for one in found])
    elif not found:
        print("No budget. Give a process one: budget: {month: 500 USD}; see docs/how-to/cap-what-is-spent.md")
    else:
        console().print(table(found))
        for one in found:
            for line in (*_ahead(one), *told.get((one.budget, one.name), [])):
                print(visible(f"{one.budget} ({one.period}) {line}"))
    if not as_json:
        for name, why in without_key(terms).items():
            print(f"budgets.keys.{name} caps nothing: {why}")
    if any(one.is_spent and one.kind == "hard" for one in found):
        raise typer.Exit(3)


def _ahead(one: BudgetStanding) -> Iterator[str]:
    if one.unknown:
        yield f"has {dollars(one.unknown)} of it settled at the most that calls could cost: nobody told what they did"
    if one.is_spent:
        yield f"is used up until {moment(one.over)} UTC"
    elif one.ends_at is not None:
        yield f"will be used up at {moment(one.ends_at)} UTC at the recent rate"


def table(found: Sequence[BudgetStanding]) -> Table:
    """One row per cap; amounts in USD."""
    made = Table(box=None, pad_edge=False)
    for name in ("budget", "period", "cap, USD", "settled", "reserved", "left", "share", "forecast"):
        made.add_column(name, justify="left" if name in NAMES else "right", no_wrap=name in NAMES)
    for one in found:
        share = f"{one.settled / one.cap:.0%}" if one.cap else "100%"
        soft = " soft" if one.kind == "soft" else ""
        made.add_row(one.budget, one.name, f"{_usd(one.cap)}{soft}", *(
            _usd(amount) for amount in (one.settled, one.reserved, one.left)
        ), share, _projected(one))  # fmt: skip
    return made


def _usd(micro: int) -> str:
    return dollars(micro).removesuffix(" USD")


def _projected(one: BudgetStanding) -> str:
    if one.is_spent:
        return "used up"
    return "–" if one.total is None else _usd(one.total)


def _told(one: BudgetStanding) -> dict[str, object]:
    """For machines: amounts as decimals in USD, as text so that no digit is lost."""
    told: dict[str, object] = plain(one)
    for name in MONEY:
        amount: int | None = getattr(one, name)
        told[f"{name}_usd"] = None if amount is None else f"{amount // USD}.{amount % USD:06d}"
        told.pop(name, None)
    return told
