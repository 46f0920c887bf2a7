"""``switchover explain``: what would serve a process, now or under a supposed loss, and why not the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from switchover.domain.cut_off import Target
from switchover.errors import OperatorError
from switchover.planning import NEEDS, Attempt, Plan
from switchover.wiring import register

from .common import DEFAULT_CONFIG, Config, Json, moment, print_json, process_named, settings

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
    if attempt.proof is None:
        return "the baseline"
    held = (
        "held since the baseline was lost" if attempt.held else f"in date until {moment(attempt.proof.expires_at)} UTC"
    )
    return f"proof {attempt.proof.id} with prompt version {attempt.proof.prompt_version}, {held}"


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
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Print the plan a request would get, with the reason why each upstream is in it or not. Exit 3 if it stops."""
    found = settings(config)
    name = process_named(found, process).name
    lost = tuple(target_from(text) for text in without or ())
    plan = register.survival(found, lost, needs_from(needs or ()))[name]
    if as_json:
        print_json(plan)
    else:
        supposed = f" for {' and '.join(needs)}" if needs else ""
        supposed += f" without {' and '.join(map(str, lost))}" if lost else ""
        print(f"{name}{supposed}:")
        for position, attempt in enumerate(plan.attempts, 1):
            print(f"  {position}. {attempt.upstream.name} ({attempt.upstream.model}): {why(attempt)}")
        if not plan.attempts:
            print("  nothing would answer: callers get a clear error")
        for skipped in plan.skipped:
            print(f"  –  {skipped.upstream}: {skipped.reason}")
    if not plan.attempts:
        raise typer.Exit(3)
