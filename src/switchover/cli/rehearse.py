"""``switchover rehearse``: replay recorded traffic on a candidate and decide whether it is good enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from switchover.domain.candidate import Continuing, State, TopicEvidence, Verdict
from switchover.rehearsal.run import Progress as Step
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
    refit: Annotated[
        bool, typer.Option("--refit", help="Find the kinds of request anew, in today's record, before replaying.")
    ] = False,
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
            refit=refit,
            progress=show,
        )
    if as_json:
        print_json(verdict)
    else:
        print_verdict(verdict, trials.topic_words(found, verdict))
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


def topic_line(topic: TopicEvidence, words: Sequence[str]) -> str:
    """A topic in one line: what it is about, and how the candidate does there."""
    part, like = topic.evidence, ", ".join(topic.examples)
    about = f" about {', '.join(map(visible, words))}" if words else ""
    mean = 0.0 if part.mean_difference is None else part.mean_difference
    return (
        f"topic {topic.topic}{about} ({topic.share:.0%} of the traffic, such as {like}): {part.replays} replays, "
        f"difference {mean:+.3f}, bounds [{part.lower:+.2f}, {part.upper:+.2f}]"
    )


def print_verdict(verdict: Verdict, words: Mapping[int, Sequence[str]] | None = None) -> None:
    """The verdict with its slices and what it must be read beside; ``words`` are typical of topics."""
    console().print(table([verdict]))
    evidence, known = verdict.evidence, words or {}
    for part in (*evidence.slices, *evidence.told):
        kind = "slice" if part in evidence.slices else "for information, slice"
        print(f"  {kind} {part.name}: {part.replays} replays, bounds [{part.lower:+.2f}, {part.upper:+.2f}]")
    for topic in evidence.found:
        print(f"  worse: {topic_line(topic, known.get(topic.topic, ()))}")
    if evidence.worst_topic is not None and not evidence.found:
        print(f"  worst: {topic_line(evidence.worst_topic, known.get(evidence.worst_topic.topic, ()))}")
    if evidence.continuing is not None:
        print(f"  continuing broken answers: {continuing_line(evidence.continuing)}")
    for what, value in (
        ("candidate agrees with the record", evidence.candidate_score),
        ("baseline agrees with itself", evidence.baseline_self_agreement),
        ("plain anchor, without a model", evidence.anchor_score),
    ):
        print(f"  {what}: {'not known' if value is None else f'{value * 100:.1f} %'}")
    print(f"  coverage of the last 30 days' traffic: {evidence.coverage * 100:.0f} %, ungraded: {evidence.ungraded}")
    if evidence.still_needed is not None and verdict.state is State.UNPROVEN:
        print(f"  about {evidence.still_needed} more replays to READY at this rate")
    for reason in evidence.reasons:
        print(f"  {visible(reason)}")
