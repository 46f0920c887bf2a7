"""``switchover verdicts``: what was concluded about which candidate, on what numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated

import typer
from rich.table import Table

from switchover.domain.candidate import Verdict
from switchover.domain.register import Suspension
from switchover.report.explaining import Explained, explain
from switchover.wiring import register
from switchover.wiring.access import now

from .common import DEFAULT_CONFIG, Config, Json, console, moment, plain, print_json, settings, visible

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def verdicts(
    process: Annotated[str | None, typer.Option("--process", "-p", help="Only this process.")] = None,
    explained: Annotated[
        bool, typer.Option("--explain", help="Say what each means, what it rests on and what it does not show.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """List the newest verdict of each cell, and which candidates' proofs are suspended."""
    terms = settings(config)
    found, doubted = register.verdicts(terms, process), register.suspensions(terms)
    void = register.void(terms, found)
    if as_json:
        print_json([plain(one) | {"suspended": _why(doubted, one), "void": void.get(one.id)} for one in found])
        return
    if not found:
        print("No verdicts yet. Rehearse a candidate: switchover rehearse PROCESS --candidate UPSTREAM")
        return
    console().print(table(found, void))
    for verdict in found if explained else ():
        if verdict.cell.process in terms.processes:
            print(told(explain(verdict, terms.processes[verdict.cell.process], now(), void=void.get(verdict.id))))
    for reason in sorted({f"{one.cell.upstream}: {void[one.id]}" for one in found if one.id in void}):
        print(f"void – {reason}")
    for name in sorted({verdict.cell.upstream for verdict in found} & set(doubted)):
        since = moment(doubted[name].at)
        print(f"{name}: its proof is suspended since {since} UTC: {doubted[name].why}")
        print(f"  Once that is explained: switchover restore upstream:{name}")


def told(explained: Explained) -> str:
    """A verdict in plain words, as a terminal shows it."""
    marks = {True: "✓", False: "✗", None: " "}
    lines = ["", explained.sentence, "  It rests on"]
    lines += [f"  {marks[one.holds]} {one.what}: {one.said}" for one in explained.rests_on]
    lines += ["  It does not show", *(f"    {one}" for one in explained.not_shown)]
    return visible("\n".join([*lines, f"  Next: {explained.next_step}: {explained.command}"]))


def _why(doubted: Mapping[str, Suspension], verdict: Verdict) -> str | None:
    suspended = doubted.get(verdict.cell.upstream)
    return suspended.why if suspended else None


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
