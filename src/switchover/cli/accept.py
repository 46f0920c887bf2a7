"""``switchover accept``: let a candidate serve without a proof, by name, for a reason, until a day."""

from __future__ import annotations

from typing import Annotated

import typer

from switchover.domain.acceptance import Acceptance
from switchover.errors import OperatorError
from switchover.wiring import acceptance

from .common import (
    DEFAULT_CONFIG,
    Config,
    Json,
    acting,
    counted,
    duration,
    moment,
    print_json,
    process_named,
    settings,
    visible,
)

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def accept(
    process: Annotated[str, typer.Argument(help="The process.")],
    candidate: Annotated[str, typer.Option("--candidate", help="The upstream that may serve it.")],
    reason: Annotated[str | None, typer.Option("--reason", help="Why; it goes into the store, not the log.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="For how long, such as 30d; a year at most.")] = None,
    prompt_version: Annotated[
        str | None, typer.Option("--prompt-version", help="With this version; else the one that was rehearsed last.")
    ] = None,
    although_not_ready: Annotated[
        bool, typer.Option("--although-not-ready", help="Even though it was shown to be worse than the margin allows.")
    ] = False,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take back what was accepted.")] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Accept a risk as the owner of a process: a candidate serves without a proof, until the day given.

    Of a critical process it takes two people. It ends by itself, and sooner should the candidate be shown NOT READY.
    """
    found = settings(config)
    owned = process_named(found, process)
    if withdraw:
        if reason or until or although_not_ready or prompt_version:
            raise OperatorError(
                "--withdraw takes back all that was accepted of a candidate", mend="leave the other options out"
            )
        many = acceptance.withdraw(found, owned, candidate, actor=acting())
        print_json({"withdrawn": many}) if as_json else print(f"{counted(many, 'acceptance', 'acceptances')} withdrawn")
        return
    if reason is None or until is None:
        raise OperatorError(
            "a risk is accepted for a reason, and until a day", mend='write --reason "…" and for example --until 30d'
        )
    done = acceptance.accept(
        found,
        owned,
        candidate,
        actor=acting(),
        reason=reason,
        lasts=duration("--until", until),
        prompt_version=prompt_version,
        although_not_ready=although_not_ready,
    )
    print_json(done) if as_json else print_accepted(done)


def print_accepted(done: Acceptance) -> None:
    """What was accepted, and what ends it."""
    print(f"{done.id}: {done.upstream} may serve {done.process} until {moment(done.expires_at)} UTC, without a proof")
    print(f"  with prompt version {done.prompt_version}; its newest verdict is {done.state}")
    print(f"  Sooner: switchover accept {visible(done.process)} --candidate {visible(done.upstream)} --withdraw")
