"""``switchover verdicts``: what was concluded about which candidate, on what numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated

import typer
from rich.table import Table

from switchover.domain.acceptance import Acceptance
from switchover.domain.candidate import Verdict
from switchover.domain.register import Suspension
from switchover.report.explaining import Explained, explain, state_at
from switchover.wiring import acceptance, register, watching
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
    retiring = watching.retiring(terms, process)
    found, doubted = register.verdicts(terms, process), register.suspensions(terms)
    void = register.void(terms, found)
    taken = acceptance.in_force(terms, process)
    if as_json:
        more = [{"suspended": _why(doubted, v), "void": void.get(v.id), "accepted": _accepted(taken, v)} for v in found]
        print_json([plain(one) | rest for one, rest in zip(found, more, strict=True)])
        return
    if not found and not taken:
        print("No verdicts yet. Rehearse a candidate: switchover rehearse PROCESS --candidate UPSTREAM")
        return
    if found:
        console().print(table(found, now(), void))
    for verdict in found if explained else ():
        if verdict.cell.process in terms.processes:
            print(in_words(explain(verdict, terms.processes[verdict.cell.process], now(), void=void.get(verdict.id))))
    for one, who in taken:
        until = moment(one.expires_at)
        print(f"{one.upstream} serves {one.process} without a proof until {until} UTC: accepted by {visible(who)}")
        print(f"  because: {visible(one.reason)}")
    for reason in sorted({f"{one.cell.upstream}: {void[one.id]}" for one in found if one.id in void}):
        print(f"void – {reason}")
    for name in sorted({verdict.cell.upstream for verdict in found} & set(doubted)):
        since = moment(doubted[name].at)
        print(f"{name}: its proof is suspended since {since} UTC: {doubted[name].why}")
        if doubted[name].by == watching.PROBE:
            print("  The next good probe lets it count again; at once: switchover watch run")
        else:
            print(f"  Once that is explained: switchover restore upstream:{name}")
    for told in retiring:
        print(visible(f"{told.about}: {told.said}"))


def in_words(explained: Explained) -> str:
    """A verdict in plain words, as a terminal shows it."""
    marks = {True: "✓", False: "✗", None: " "}
    lines = ["", explained.sentence, "  It rests on"]
    lines += [f"  {marks[one.holds]} {one.what}: {one.said}" for one in explained.rests_on]
    lines += ["  It does not show", *(f"    {one}" for one in explained.not_shown)]
    return visible("\n".join([*lines, f"  Next: {explained.next_step}: {explained.command}"]))


def _why(doubted: Mapping[str, Suspension], verdict: Verdict) -> str | None:
    suspended = doubted.get(verdict.cell.upstream)
    return suspended.why if suspended else None


def _accepted(taken: Sequence[tuple[Acceptance, str]], verdict: Verdict) -> Acceptance | None:
    """The acceptance by which this candidate serves without a proof."""
    candidate = (verdict.cell.process, verdict.cell.upstream, verdict.cell.prompt_version)
    return next((one for one, _ in taken if (one.process, one.upstream, one.prompt_version) == candidate), None)


def table(found: list[Verdict], at: float, void: Collection[str] = ()) -> Table:
    """Verdicts as they stand ``at`` a moment (Unix seconds): state, replays, difference with its bounds, expiry.

    ``void``: ids that say no more.
    """
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
            f"{state_at(verdict, at)}, void" if verdict.id in void else str(state_at(verdict, at)),
            str(overall.replays),
            f"{mean} [{overall.lower:+.2f}, {overall.upper:+.2f}]",
            moment(verdict.expires_at)[:10],
        )
    return drawn
