"""``switchover approvals``: what waits for a second person, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from switchover.domain.people import Approval, ApprovalState
from switchover.wiring import access

from .common import DEFAULT_CONFIG, Config, Json, moment, plain, print_json, settings, visible

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


@app.command("list")
def listed(
    every: Annotated[bool, typer.Option("--all", help="Those that were used, declined or expired, too.")] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """List what is asked for and what is approved and not used."""
    found = settings(config)
    people, now = access.names(found), access.now()
    open_ = (ApprovalState.ASKED, ApprovalState.APPROVED)
    rows = [one for one in access.approvals_known(found) if every or one.state(now) in open_]
    if as_json:
        print_json([_row(one, now) for one in rows])
        return
    for one in rows:
        asked = f"asked by {visible(people.get(one.proposed_by, one.proposed_by))} {moment(one.proposed_at)}"
        print(f"{one.id}  {one.state(now):<9} {visible(_what(one))}  {asked}")
    if not rows:
        print("Nothing waits for a second person.")


@app.command("show")
def show(
    approval: Annotated[str, typer.Argument(help="Its id.")],
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Show what is asked for, by whom, why, and what became of it."""
    found = settings(config)
    one, people, now = access.approval(found, approval), access.names(found), access.now()
    if as_json:
        print_json(_row(one, now))
        return
    print(f"{one.id}: {visible(_what(one))}, {one.state(now)}")
    print(f"  asked by {_who(people, one.proposed_by)}, {moment(one.proposed_at)} UTC: {visible(one.reason)}")
    print(f"  open until {moment(one.expires_at)} UTC; parameters {one.parameters[:16]}…")
    if one.decision is not None:
        print(f"  {one.decision} by {_who(people, one.decided_by)}, {moment(one.decided_at)} UTC")
    if one.used_at is not None:
        print(f"  carried out by {_who(people, one.used_by)}, {moment(one.used_at)} UTC")


def _who(people: Mapping[str, str], name: str | None) -> str:
    return f"{visible(people.get(name or '', '?'))} ({name})"


def _what(one: Approval) -> str:
    return f"{one.act} {one.target}{f' for {one.process}' if one.process else ''}"


def _row(one: Approval, now: float) -> dict[str, object]:
    return {**plain(one), "state": str(one.state(now))}
