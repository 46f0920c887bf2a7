"""``switchover explain``: what would serve a process, now or under a supposed loss, and why not the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import typer

from switchover.domain.budget import BudgetStanding, dollars
from switchover.domain.cut_off import Target
from switchover.domain.process import DataClass, Midstream
from switchover.errors import OperatorError
from switchover.planning import NEEDS, cannot_continue
from switchover.planning.breaker import BreakerState
from switchover.planning.plan import Attempt, Plan
from switchover.wiring import explanation
from switchover.wiring.explanation import Explanation

from .common import (
    DEFAULT_CONFIG,
    Config,
    Json,
    counted,
    moment,
    plain,
    print_json,
    process_named,
    settings,
    visible,
)

app = typer.Typer(rich_markup_mode=None)


def target_from(text: str) -> Target:
    """A target as typed."""
    try:
        return Target.parse(text)
    except ValueError as cause:
        raise OperatorError(str(cause), mend="for example provider:acme") from cause


def needs_from(names: Sequence[str]) -> frozenset[str]:
    """What a request needs, as typed."""
    if unknown := sorted(set(names) - NEEDS):
        raise OperatorError(f"no request needs {', '.join(unknown)}", mend=f"use of {', '.join(sorted(NEEDS))}")
    return frozenset(names)


def class_from(name: str | None) -> DataClass | None:
    """A class of data, as typed."""
    if name is None:
        return None
    try:
        return DataClass(name)
    except ValueError as cause:
        raise OperatorError(f"there is no class {name!r}", mend=f"use one of {', '.join(DataClass)}") from cause


def print_survival(plans: Mapping[str, Plan]) -> None:
    """One line per process: who serves it now, or that it stops."""
    for name, plan in plans.items():
        served = ", then ".join(attempt.upstream.name for attempt in plan.attempts)
        print(f"  {name}: {'served by ' + served if served else 'STOPS'}")
        if not served:
            for skipped in plan.skipped:
                print(f"      {skipped.upstream}: {skipped.reason}")


def why(attempt: Attempt) -> str:
    """Why an upstream may serve, in a few words."""
    if attempt.same_as is not None:
        return f"the same model as {attempt.same_as}, so that vectors can be compared"
    if attempt.accepted is not None:
        until, by = moment(attempt.accepted.expires_at), visible(attempt.accepted.made_by)
        return f"no proof: accepted by {by} until {until} UTC ({attempt.accepted.id}, then {attempt.accepted.state})"
    if attempt.proof is None:
        return f"the baseline, in doubt: {attempt.doubt}" if attempt.doubt else "the baseline"
    held = (
        "held since the baseline was lost" if attempt.held else f"in date until {moment(attempt.proof.expires_at)} UTC"
    )
    return f"proof {attempt.proof.id} with prompt version {attempt.proof.prompt_version}, {held}"


def standing(found: Explanation, lost: Sequence[Target], needs: Sequence[str], data: DataClass | None) -> str:
    """What the plan rests on."""
    supposed = f" for {' and '.join(needs)}" if needs else ""
    supposed += f" with {data} data in the request" if data else ""
    supposed += f" without {' and '.join(map(str, lost))}" if lost else ""
    if not found.running:
        return f"{supposed} (no gateway runs on this data folder: breakers count as closed, own engines as running)"
    if not found.workers:
        return f"{supposed} (the gateway runs; no worker has told its breakers yet)"
    told = counted(len(found.workers), "worker", "workers")
    return f"{supposed} (the gateway runs; breakers of {told} as of {found.told_ago:.0f} s ago)"


def acting(found: Explanation, lost: Sequence[Target]) -> Iterator[str]:
    """A line for each breaker and cut-off in force, with what ends it."""
    for one in found.breakers:
        where = "" if set(one.workers) == set(found.workers) else f" at {', '.join(one.workers)} alone"
        reason = f" after {one.fault}" if one.fault else ""
        ends = {
            BreakerState.HELD: f"until `switchover restore upstream:{one.upstream}`",
            BreakerState.OPEN: "until it has cooled, at most 5 minutes",
            BreakerState.HALF_OPEN: "one request at a time is tried",
        }.get(one.state, "it ends by itself")
        yield f"breaker of {one.upstream} ({one.scope}): {one.state.value}{reason}{where}; {ends}"
    for cut in found.cut_offs:
        until = f"until {moment(cut.expires_at)} UTC" if cut.expires_at else f"until `switchover restore {cut.target}`"
        if cut.fault is None:
            yield f"cut-off {cut.id} of {cut.target} since {moment(cut.placed_at)} UTC: {visible(cut.reason)}; {until}"
        else:
            share = "" if cut.share >= 1 else f" for {cut.share:.0%} of the requests"
            yield f"drill {cut.drill}: {cut.target} is {cut.fault}{share}, {until}"
    for budget in found.budgets:
        if budget.is_spent:
            yield f"{budget_words(budget)} is used up; {at_cap(budget)} until {moment(budget.over)} UTC"
    for target in lost:
        yield f"supposed: {target} is lost"


def budget_words(budget: BudgetStanding) -> str:
    """A budget in words, with its cap."""
    kind, _, name = budget.budget.partition(":")
    whose = {"process": f"of {name}", "provider": f"at {name}"}.get(kind, "of the organisation")
    return f"budget {whose} for the {budget.period} ({dollars(budget.cap)})"


def at_cap(budget: BudgetStanding) -> str:
    """What becomes of calls that it does not cover."""
    if budget.kind == "soft":
        return "it is soft, and calls go on"
    return {
        "refuse": "calls that cost something are refused",
        "cheaper": "calls go on to what costs less or nothing",
    }[budget.at_cap]


def midway(attempt: Attempt) -> str:
    """What this upstream does with an answer that another one broke off, where the process continues answers."""
    why = cannot_continue(attempt)
    if not why and attempt.proof is not None:
        until = moment(attempt.proof.continues_until)
        return f"may continue a broken answer, by {attempt.continuation}, shown until {until} UTC"
    return f"continues no answer, so that a broken one ends in an error: {why}"


@app.callback(invoke_without_command=True)
def explain(
    process: Annotated[str, typer.Argument(help="The process.")],
    without: Annotated[
        list[str] | None,
        typer.Option("--without", help="Suppose that this is lost: provider:x, jurisdiction:XX or upstream:x."),
    ] = None,
    needs: Annotated[
        list[str] | None,
        typer.Option(
            "--needs",
            help="What the request needs: tools, json_schema, vision, files, n, logprobs, state, or that it asks for "
            "embeddings or count_tokens. Without it: an answer in plain text.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Suppose that data of this class was found in the request: internal, confidential or secret."
        ),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Print who would answer a request now, and why nobody else would.

    Under a running gateway its breakers and engines count as they are. Exit 3 if nothing would answer.
    """
    found = settings(config)
    process_of = process_named(found, process)
    name = process_of.name
    lost = tuple(target_from(text) for text in without or ())
    held = class_from(data)
    explained = explanation.explain(found, name, lost, needs_from(needs or ()), held)
    plan = explained.plan
    if as_json:
        told = plain(explained)
        print_json({**told.pop("plan"), **told, "without": [str(target) for target in lost]})
    else:
        print(f"{name}{standing(explained, lost, needs or (), held)}:")
        for position, attempt in enumerate(plan.attempts, 1):
            print(f"  {position}. {attempt.upstream.name} ({attempt.upstream.model}): {why(attempt)}")
            if process_of.midstream is Midstream.CONTINUE and attempt.proof is not None:
                print(f"     {midway(attempt)}")
        if not plan.attempts:
            print("  nothing would answer: callers get a clear error")
        for skipped in plan.skipped:
            print(f"  –  {skipped.upstream}: {visible(skipped.reason)}")
        lines = list(acting(explained, lost))
        print("What acts on it:" if lines else "No breaker, cut-off or drill acts on it.")
        for line in lines:
            print(f"  {line}")
    if not plan.attempts:
        raise typer.Exit(3)
