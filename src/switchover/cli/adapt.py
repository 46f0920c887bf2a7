"""``switchover adapt``: find what makes a candidate good enough."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from switchover.adaptation.run import WAYS
from switchover.adaptation.run import Progress as Step
from switchover.wiring import trials

from .common import DEFAULT_CONFIG, Config, Json, acting, console, print_json, process_named, settings

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def adapt(
    process: Annotated[str, typer.Argument(help="The process.")],
    way: Annotated[
        list[str] | None, typer.Option("--way", help="demonstrations or student; several times for both.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed and record give the same versions.")] = 1,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Propose prompt versions, score them on the selection split and save them. The verdict half is not touched."""
    found = settings(config)
    name = process_named(found, process).name
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(), transient=True, disable=as_json) as bar:
        task = bar.add_task("learning", total=None)

        def show(step: Step) -> None:
            bar.update(task, completed=step.done, total=step.total, description=step.version)

        result = trials.adapt_process(found, name, ways=tuple(way or WAYS), actor=acting(), seed=seed, progress=show)
    if as_json:
        print_json(result)
        return
    print(f"Learned from {result.learned_from} recorded answers; scored on {result.selection} others.")
    for version in result.versions:
        score = "not scored" if version.score is None else f"{version.score * 100:.1f} %"
        print(f"  {version.id:<30} for {version.upstream:<12} {score}")
    if result.anchor is not None:
        print(f"  {'plain anchor, without a model':<47} {result.anchor * 100:.1f} %")
    for reason in result.skipped:
        print(f"  left out: {reason}")
    for version in result.versions[:1]:
        print(f"Prove it: switchover rehearse {name} --candidate {version.upstream} --prompt-version {version.id}")
