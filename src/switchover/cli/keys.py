"""``switchover keys``: make, list, rotate and revoke caller keys."""

from __future__ import annotations

from typing import Annotated

import typer

from switchover.domain.register import CallerKey
from switchover.wiring import register

from .common import (
    DEFAULT_CONFIG,
    Config,
    Json,
    acting,
    duration,
    moment,
    print_json,
    process_named,
    settings,
    visible,
)

Expires = Annotated[str | None, typer.Option("--expires", help="For how long, such as 90d.")]
KeyId = Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")]

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


@app.command("create")
def create(
    process: Annotated[str, typer.Argument(help="The process that the key's holder belongs to.")],
    expires: Expires = None,
    name: Annotated[
        str | None, typer.Option("--name", help="What you call it, such as the application's name.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Make a key for a process; it is shown this once."""
    found = settings(config)
    lasting = duration("--expires", expires) if expires else None
    named = process_named(found, process).name
    key, token = register.create_key(found, named, actor=acting(), name=name, expires_in=lasting)
    if as_json:
        print_json({"id": key.id, "process": key.process, "key": token.reveal(), "expires_at": key.expires_at})
        return
    print(token.reveal())
    until = f"It expires {moment(key.expires_at)} UTC. " if key.expires_at else ""
    print(f"Key {key.id} of {key.process}. {until}It is shown this once; `switchover keys revoke {key.id}` ends it.")


@app.command("list")
def show(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """List keys, without their secrets."""
    keys = register.keys(settings(config))
    if as_json:
        print_json([_row(key) for key in keys])
        return
    for key in keys:
        first = f"  in the place of {key.in_place_of}" if key.in_place_of else ""
        made = f"made {moment(key.made_at)}{first}"
        print(f"{key.id}  {key.process:<24}  {visible(key.name or '–'):<20}  {made}  {_end(key)}")
    if not keys:
        print("No keys yet. Make one: switchover keys create PROCESS")


def _row(key: CallerKey) -> dict[str, object]:
    fields = ("id", "process", "name", "made_at", "expires_at", "revoked_at", "in_place_of")
    return {field: getattr(key, field) for field in fields}


def _end(key: CallerKey) -> str:
    """How it ends, in words."""
    if key.revoked_at is not None and key.revoked_at == key.ends_at:
        return f"revoked {moment(key.revoked_at)}"
    return f"expires {moment(key.expires_at)}" if key.expires_at is not None else "in use"


@app.command("rotate")
def rotate(
    key: KeyId,
    overlap: Annotated[str, typer.Option("--overlap", help="How long the old key goes on.")] = "7d",
    expires: Annotated[
        str | None, typer.Option("--expires", help="For how long the new one is; default: as long as the old one.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Make a key in the place of another, which goes on for a while and then ends by itself."""
    found = settings(config)
    lasting = duration("--expires", expires) if expires else None
    made, token, old = register.rotate_key(
        found, key, actor=acting(), overlap=duration("--overlap", overlap), expires_in=lasting
    )
    if as_json:
        ends = {"old": old.id, "old_ends_at": old.ends_at}
        print_json(
            {"id": made.id, "process": made.process, "key": token.reveal(), "expires_at": made.expires_at, **ends}
        )
        return
    print(token.reveal())
    print(f"Key {made.id} of {made.process}, shown this once. Key {old.id} goes on until {moment(old.ends_at)} UTC.")


@app.command("revoke")
def revoke(key: KeyId, config: Config = DEFAULT_CONFIG) -> None:
    """End a key; every worker refuses it within a second."""
    found = settings(config)
    register.revoke_key(found, key, actor=acting())
    print(f"Key {key} is revoked.")
