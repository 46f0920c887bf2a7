"""``switchover rehearse``: replay recorded traffic on a candidate and decide whether it is good enough."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from switchover.domain.candidate import Continuing, Evidence, State, Verdict
from switchover.domain.label import People
from switchover.rehearsal.run import Progress as Step
from switchover.report.explaining import explain
from switchover.wiring import trials

from .common import (
    DEFAULT_CONFIG,
    Config,
    Json,
    acting,
    console,
    counted,
    print_json,
    process_named,
    settings,
    visible,
)
from .verdicts import table

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def rehearse(
    process: Annotated[str, typer.Argument(help="The process.")],
    candidate: Annotated[str, typer.Option("--candidate", help="One of its fallbacks.")],
    prompt_version: Annotated[
        str | None,
        typer.Option("--prompt-version", help="As `adapt` lists them; default: as it is, or the newest student."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed and record give the same verdict.")] = 1,
    budget: Annotated[int | None, typer.Option("--budget", min=1, help="Most replays of this run.")] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Replay until the verdict is clear, the budget is spent or the cases are used up. Interrupt it; it resumes.

    Exit 3 unless the verdict is READY.
    """
    found = settings(config)
    name = process_named(found, process).name
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(), transient=True, disable=as_json) as bar:
        task = bar.add_task(f"{name} on {candidate}", total=None)

        def show(step: Step) -> None:
            state = step.decision.state if step.decision else ""
            bar.update(task, completed=step.calls, total=step.budget, description=f"{name} on {candidate}  {state}")

        verdict = trials.rehearse_candidate(
            found,
            name,
            candidate,
            actor=acting(),
            prompt_version=prompt_version,
            seed=seed,
            budget=budget,
            progress=show,
        )
    if as_json:
        print_json(verdict)
    else:
        print_verdict(verdict)
        means = explain(verdict, found.processes[name], verdict.made_at)
        print(visible(f"{means.sentence}\nNext: {means.next_step}: {means.command}"))
        erased = trials.erased(found, name)
        if erased:
            print(f"  {counted(erased, 'exchange was', 'exchanges were')} erased and can't be replayed")
    if verdict.state is not State.READY:
        raise typer.Exit(3)


def continuing_line(continuing: Continuing) -> str:
    """The verdict on going on with answers that broke off, in one line."""
    told = str(continuing.state)
    if continuing.way is not None:
        told += f", by {continuing.way}"
    if continuing.evidence is not None:
        part = continuing.evidence
        told += f", {part.replays} cut answers, bounds [{part.lower:+.2f}, {part.upper:+.2f}]"
    return f"{told} ({visible(continuing.reason)})" if continuing.reason else told


def people_line(people: People) -> str:
    """How far people have looked, how far they agree, and how much is to come, in one line."""
    told = f"{people.labelled} of {people.drawn} cases labelled"
    if people.unclear:
        told += f", {people.unclear} of them unclear"
    told += f"; {people.waiting} wait"
    if people.needed is not None:
        told += f"; about {counted(people.needed, 'more label', 'more labels')} to READY at this rate"
    if people.agreement is not None:
        both = people.agreement
        alpha = "–" if both.alpha is None else f"{both.alpha:.2f}"
        told += f"; two people agree on {both.same:.0%} of {counted(both.pairs, 'pair', 'pairs')}, alpha {alpha}"
    return told


def _cost(evidence: Evidence) -> str:
    if evidence.judge_usd is None:
        return "at a price that is not known"
    rest = f", and {counted(evidence.judge_unpriced, 'case', 'cases')} at no known price"
    return f"{evidence.judge_usd:.4f} USD{rest if evidence.judge_unpriced else ''}"


def print_verdict(verdict: Verdict) -> None:
    """The verdict with its slices and what it must be read beside."""
    console().print(table([verdict]))
    evidence = verdict.evidence
    for part in evidence.slices:
        print(f"  slice {part.name}: {part.replays} replays, bounds [{part.lower:+.2f}, {part.upper:+.2f}]")
    if evidence.continuing is not None:
        print(f"  continuing broken answers: {continuing_line(evidence.continuing)}")
    for what, value in (
        ("candidate agrees with the record", evidence.candidate_score),
        ("baseline agrees with itself", evidence.baseline_self_agreement),
        ("plain anchor, without a model", evidence.anchor_score),
    ):
        print(f"  {what}: {'not known' if value is None else f'{value * 100:.1f} %'}")
    print(f"  coverage of the last 30 days' traffic: {evidence.coverage * 100:.0f} %, ungraded: {evidence.ungraded}")
    if evidence.judge_calls:
        print(f"  judge calls: {evidence.judge_calls}, {_cost(evidence)}")
    if evidence.people is not None:
        print(f"  people: {people_line(evidence.people)}")
        if evidence.people.waiting and verdict.state is not State.NOT_READY:
            print(f"  label them: switchover label {verdict.cell.process} --candidate {verdict.cell.upstream}")
    if evidence.still_needed is not None and verdict.state is State.UNPROVEN:
        print(f"  about {evidence.still_needed} more replays to READY at this rate")
    for reason in evidence.reasons:
        print(f"  {visible(reason)}")
