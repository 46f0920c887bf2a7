"""``switchover compare``: the candidates of a process side by side, and where one of them fails."""

from __future__ import annotations

from typing import Annotated

import typer

from switchover.domain.candidate import Verdict
from switchover.errors import NotFound
from switchover.report.comparison import Compared, Comparison
from switchover.report.comparison_text import render_comparison, render_worst
from switchover.wiring import comparing

from .common import DEFAULT_CONFIG, Config, Json, acting, console, print_json, process_named, settings

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def compare(
    process: Annotated[str, typer.Argument(help="The process.")],
    candidate: Annotated[
        str | None,
        typer.Option("--candidate", help="Whose worst cases: an upstream or a prompt version; else the best one's."),
    ] = None,
    worst: Annotated[int, typer.Option("--worst", "-n", min=0, max=50, help="Show at most so many of them.")] = 5,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Show who is READY at what margin, time and cost, where each fails most, and one's worst cases side by side.

    What was asked and answered is shown to whom may read it, and that is noted.
    """
    known, actor = settings(config), acting()
    process_named(known, process)

    def chosen(place: int, verdict: Verdict) -> bool:
        return (as_json or place == 0) if candidate is None else _is(verdict, candidate)

    found, whole = comparing.comparison(known, process, actor=actor, worst=worst, of=chosen)
    one = _chosen(found, candidate)
    if as_json:
        print_json(found)
        return
    render_comparison(found, console())
    if one is None:
        print(f"Nothing was rehearsed yet: switchover rehearse {process} --candidate UPSTREAM")
        return
    render_worst(one, console())
    if not whole and one.worst:
        print(f"\nWhat was asked and answered is not shown to {actor.name}, whose role does not reach so far.")


def _is(verdict: Verdict, name: str) -> bool:
    return name in (verdict.cell.upstream, verdict.cell.prompt_version)


def _chosen(found: Comparison, name: str | None) -> Compared | None:
    """The candidate called so, the best of an upstream's; without a name the best of all. Raises NotFound."""
    if name is None:
        return found.candidates[0] if found.candidates else None
    for one in found.candidates:
        if _is(one.verdict, name):
            return one
    names = dict.fromkeys(one.verdict.cell.upstream for one in found.candidates)
    raise NotFound(
        f"{found.process} has no verdict on {name!r}",
        mend=f"use one of {', '.join(names)}" if names else f"run `switchover rehearse {found.process}` first",
    )
