"""``switchover drill``: lose an upstream on purpose, for a while, and watch."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from switchover.domain.cut_off import Drill, Target, TargetKind
from switchover.wiring import trials

from .common import DEFAULT_CONFIG, Config, Json, acting, console, duration, print_json, process_named, settings
from .explain import target_from

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def drill(
    process: Annotated[str, typer.Argument(help="The process.")],
    fault: Annotated[str, typer.Option("--fault", help="vanished, denied, overloaded, refused, slow, broken-stream.")],
    approver: Annotated[
        str | None,
        typer.Option(
            "--approver",
            help="The role that approved the loss of an upstream; a provider's or jurisdiction's takes two people: "
            "see `approve`.",
        ),
    ] = None,
    target: Annotated[str | None, typer.Option("--target", help="What is lost; default: the baseline.")] = None,
    share: Annotated[
        float, typer.Option("--share", min=0.01, max=1.0, help="Share of the traffic that meets it.")
    ] = 0.05,
    lasting: Annotated[str, typer.Option("--for", help="How long, such as 5m.")] = "5m",
    steady: Annotated[
        str, typer.Option("--steady", help="How long errors must stay low to count as recovered.")
    ] = "60s",
    warm_up: Annotated[str, typer.Option("--warm-up", help="How long the steady state is watched first.")] = "60s",
    hypothesis: Annotated[str | None, typer.Option("--hypothesis", help="What you expect, written down first.")] = None,
    scenario: Annotated[
        str | None, typer.Option("--scenario", help="The real event it replays, for the report.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """A timed live drill with an expiry; it lifts itself, whatever happens. Exit 3 unless it passed."""
    found = settings(config)
    named = process_named(found, process)
    lost = target_from(target) if target else Target(TargetKind.UPSTREAM, named.baseline)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(), transient=True, disable=as_json) as bar:
        task = bar.add_task("steady?", total=1.0)
        done = asyncio.run(
            trials.drill(
                found,
                named.name,
                target=lost,
                fault=fault,
                approver=approver,
                operator=acting().name,
                actor=acting(),
                progress=lambda phase, part: bar.update(task, completed=part, description=phase),
                hypothesis=hypothesis,
                share=share,
                duration=duration("--for", lasting),
                steady_for=duration("--steady", steady),
                warm_up=duration("--warm-up", warm_up),
                scenario=scenario,
            )
        )
    if as_json:
        print_json(done)
    else:
        print_drill(done)
    if done.outcome is None or done.outcome.result != "passed":
        raise typer.Exit(3)


def print_drill(done: Drill) -> None:
    """How the drill ended, and on what figures."""
    outcome = done.outcome
    print(f"{done.id}: {outcome.result if outcome else done.state}")
    if outcome is None:
        return
    for reason in outcome.reasons:
        print(f"  {reason}")
    took = "not recovered" if outcome.rto is None else f"recovered in {outcome.rto:.2f} s"
    met = f"{outcome.requests} requests met the fault, {outcome.failed} failed"
    print(f"  {met}; {took}, {outcome.rto_promised:.0f} s promised")
    print(f"  control: {outcome.control_requests} requests, {outcome.control_failed} failed")
