"""``switchover access``: who may act here, in which role, with which key."""

from __future__ import annotations

from typing import Annotated

import typer

from switchover.wiring import access

from .common import DEFAULT_CONFIG, Config, Json, acting, duration, moment, print_json, settings, visible

Expires = Annotated[str | None, typer.Option("--expires", help="For how long the key is, such as 90d.")]

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


@app.command("init")
def init(
    name: Annotated[str, typer.Argument(help="The first admin: a login, or the title of a role.")],
    again: Annotated[
        bool, typer.Option("--again", help="Although there are people: when every admin's key is lost. It is noted.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Make the first admin. From then on whoever changes something says who they are, by their key."""
    _print(access.init(settings(config), name, again=again), as_json)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="A login, or the title of a role.")],
    role: Annotated[
        list[str] | None, typer.Option("--role", help="admin, operator, auditor or process-owner; several times.")
    ] = None,
    process: Annotated[
        list[str] | None, typer.Option("--process", help="A process that a process owner owns; several times.")
    ] = None,
    expires: Expires = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Add a person, with no right that you have not; their key is shown this once."""
    found = settings(config)
    lasting = duration("--expires", expires) if expires else None
    _print(access.add(found, acting(), name, role or (), process or (), expires_in=lasting), as_json)


@app.command("list")
def show(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """List people, their roles and their keys, without secrets."""
    people, keys = access.people(settings(config))
    if as_json:
        shown = ("id", "person", "made_at", "made_by", "expires_at", "revoked_at")
        print_json({"people": people, "keys": [{name: getattr(key, name) for name in shown} for key in keys]})
        return
    for person in people:
        owns = f" of {', '.join(person.processes)}" if person.processes else ""
        ended = f"  revoked {moment(person.revoked_at)}" if person.revoked_at else ""
        print(f"{person.id}  {visible(person.name):<24}  {', '.join(person.roles)}{owns}{ended}")
        for key in keys:
            if key.person == person.id and not person.revoked_at:
                until = [at for at in (key.expires_at, key.revoked_at) if at is not None]
                print(f"    key {key.id}  made {moment(key.made_at)}  {f'until {moment(min(until))}' if until else ''}")
    if not people:
        print("Nobody yet: whoever runs commands here may do everything. Set up access: switchover access init NAME")


@app.command("revoke")
def revoke(
    person: Annotated[str, typer.Argument(help="Name or id.")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """End a person's rights and keys at once; what they approved and nobody used no longer counts."""
    found = settings(config)
    gone = access.revoke(found, acting(), person)
    print(f"{gone.name} ({gone.id}) may do nothing here any more.")


@app.command("rotate")
def rotate(
    person: Annotated[str | None, typer.Argument(help="Name or id, for an admin; default: yourself.")] = None,
    overlap: Annotated[str, typer.Option("--overlap", help="How long the old keys go on.")] = "0s",
    expires: Expires = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Make a person's new key; it is shown this once."""
    found = settings(config)
    lasting = duration("--expires", expires) if expires else None
    made = access.rotate(found, acting(), person, overlap=duration("--overlap", overlap), expires_in=lasting)
    _print(made, as_json)


def _print(made: access.Added, as_json: bool) -> None:
    person, key = made.person, made.key
    if as_json:
        print_json(
            {
                "id": person.id,
                "name": person.name,
                "roles": person.roles,
                "processes": person.processes,
                "key": made.token.reveal(),
                "expires_at": key.expires_at,
            }
        )
        return
    print(made.token.reveal())
    until = f"; it expires {moment(key.expires_at)} UTC" if key.expires_at else ""
    print(f"The key of {person.name} ({person.id}, {', '.join(person.roles)}), shown this once{until}.")
    print("Use it: SWITCHOVER_OPERATOR_KEY, or a file of mode 600 and switchover --as FILE.")
