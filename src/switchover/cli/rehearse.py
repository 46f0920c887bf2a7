"""``switchover rehearse``: replay recorded traffic on a candidate and decide whether it is good enough."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from switchover.domain.budget import dollars
from switchover.domain.candidate import Continuing, Evidence, State, TopicEvidence, Verdict
from switchover.domain.label import People
from switchover.errors import OperatorError, SwitchoverError
from switchover.report.explaining import explain
from switchover.wiring import rehearsals

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
from .rehearsing import shown
from .verdicts import table

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def rehearse(
    process: Annotated[str, typer.Argument(help="The process.")],
    candidate: Annotated[
        list[str] | None, typer.Option("--candidate", help="One of its fallbacks; again for more, side by side.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every fallback, side by side.")] = False,
    prompt_version: Annotated[
        str | None,
        typer.Option("--prompt-version", help="As `adapt` lists them; default: as it is, or the newest student."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed and record give the same verdict.")] = 1,
    budget: Annotated[int | None, typer.Option("--budget", min=1, help="Most replays of this run.")] = None,
    budget_usd: Annotated[
        float | None, typer.Option("--budget-usd", min=0.000001, help="Most that each candidate may cost in this run.")
    ] = None,
    refit: Annotated[
        bool, typer.Option("--refit", help="Find the kinds of request anew, in today's record, before replaying.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Replay until the verdict is clear, the budget is spent or the cases are used up. Interrupt it; it resumes.

    Exit 3 unless every verdict is READY.
    """
    found = settings(config)
    asked = process_named(found, process)
    names = list(asked.fallbacks) if all_ else list(dict.fromkeys(candidate or ()))
    if not names or (all_ and candidate) or (len(names) > 1 and prompt_version):
        raise OperatorError(
            "a prompt version belongs to one candidate" if prompt_version and names else "no candidate to rehearse",
            mend=f"name one of {', '.join(asked.fallbacks) or 'the fallbacks that you add'} with --candidate, or --all",
        )
    with shown(asked.name, names, quiet=as_json) as show:
        results = rehearsals.rehearse_candidates(
            found,
            asked.name,
            names,
            actor=acting(),
            prompt_version=prompt_version,
            seed=seed,
            budget=budget,
            money=None if budget_usd is None else round(budget_usd * 1_000_000),
            refit=refit,
            progress=show,
        )
    verdicts = [result for _, result in results if isinstance(result, Verdict)]
    if as_json:
        print_json(verdicts if all_ or len(names) > 1 else verdicts[0] if verdicts else None)
    else:
        for verdict in verdicts:
            print_verdict(verdict, rehearsals.topic_words(found, verdict))
            means = explain(verdict, asked, verdict.made_at)
            print(visible(f"{means.sentence}\nNext: {means.next_step}: {means.command}"))
        erased = rehearsals.erased(found, asked.name)
        if erased:
            print(f"  {counted(erased, 'exchange was', 'exchanges were')} erased and can't be replayed")
    failed = [(name, result) for name, result in results if isinstance(result, SwitchoverError)]
    if failed:
        for name, error in failed[1:]:
            print(f"switchover: {name}: {error}", file=sys.stderr)
        raise failed[0][1]
    if any(verdict.state is not State.READY for verdict in verdicts):
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
    console().print(table([verdict], verdict.made_at))
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
    if verdict.stopped:
        print(f"  this run ended as {visible(verdict.stopped)}")
    if verdict.spent:
        print(f"  this run cost {dollars(verdict.spent)}, second samples of the baseline included")
