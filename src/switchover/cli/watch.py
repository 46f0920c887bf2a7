"""``switchover watch``: the daily round by hand, and what is due and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from switchover.domain.watching import Finding, Probe
from switchover.wiring import watching
from switchover.wiring.due import Turn

from .common import (
    DEFAULT_CONFIG,
    Config,
    Json,
    acting,
    console,
    counted,
    moment,
    print_json,
    process_named,
    settings,
    visible,
)

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)

Process = Annotated[str | None, typer.Option("--process", "-p", help="Only what this process rests on.")]


@app.command("run")
def run(process: Process = None, config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Run every step of the daily round at once, and say what was found. What is due is left to `switchover up`.

    Exit 3 when something is not well.
    """
    known = settings(config)
    name = process_named(known, process).name if process is not None else None
    found = watching.run_by_hand(known, name, actor=acting())
    if as_json:
        print_json(found)
    else:
        for one in found:
            print(_line(one))
        if not found:
            print("Nothing to look at.")
    if not all(one.well for one in found):
        raise typer.Exit(3)


@app.command("status")
def status(process: Process = None, config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Show the last probes, what retires, which proofs are kept warm, and which rehearsals are due and when."""
    known = settings(config)
    name = process_named(known, process).name if process is not None else None
    found = watching.standing(known, name)
    if as_json:
        print_json(found)
        return
    print(f"Next round: {moment(found.next_round)} UTC, while `switchover up` runs.")
    for step in found.steps:
        if step.trouble:
            print(visible(f"BAD  {step.name} could not do its work at {moment(step.ran_at)}: {step.trouble}"))
    for probe in found.probes:
        print(visible(_probe(probe)))
    for one in found.retirements:
        print(_line(one))
    for warm in found.warm:
        kept = "no rate keeps it" if warm.replays_per_day is None else f"{warm.replays_per_day} replays a day keep it"
        print(f"     {warm.process}: {warm.candidate} is proven until {moment(warm.expires_at)}; {kept}")
    for order in found.running:
        print(
            f"     {order.process}: {order.candidate} is being rehearsed since {moment(order.taken_at)} ({order.why})"
        )
    if found.orders:
        console().print(_orders(found.orders))
    elif not found.running:
        print("No rehearsal is due.")


def _line(one: Finding) -> str:
    about = f" {one.about}" if one.about else ""
    return visible(f"{'ok  ' if one.well else 'BAD '} {one.step}{about}: {one.said}")


def _probe(probe: Probe) -> str:
    mark = "ok  " if probe.failed is None else "BAD "
    return f"{mark} probe {probe.upstream}, {moment(probe.at)}: {probe.said}"


def _orders(turns: Sequence[Turn]) -> Table:
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("due", "process", "candidate", "why", "by", "next"):
        drawn.add_column(heading)
    for turn in turns:
        order = turn.order
        now = turn.waits or counted(turn.replays, "replay", "replays")
        trouble = f"; last time: {order.trouble}" if order.trouble else ""
        drawn.add_row(
            order.id, order.process, order.candidate, visible(order.said), moment(order.due_at)[:10],
            visible(f"{now}{trouble}"),
        )  # fmt: skip
    return drawn
