"""``switchover keys``: make, list and revoke caller keys."""

from __future__ import annotations

from typing import Annotated

import typer

from switchover.wiring import register

from .common import DEFAULT_CONFIG, Config, Json, moment, print_json, process_named, settings

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


@app.command("create")
def create(
    process: Annotated[str, typer.Argument(help="The process that the key's holder belongs to.")],
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Make a key for a process; it is shown this once."""
    found = settings(config)
    key, token = register.create_key(found, process_named(found, process).name)
    if as_json:
        print_json({"id": key.id, "process": key.process, "key": token.reveal()})
        return
    print(token.reveal())
    print(f"Key {key.id} of {key.process}. It is shown this once; `switchover keys revoke {key.id}` ends it.")


@app.command("list")
def show(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """List keys, without their secrets."""
    keys = register.keys(settings(config))
    if as_json:
        print_json([{"id": k.id, "process": k.process, "made_at": k.made_at, "revoked_at": k.revoked_at} for k in keys])
        return
    for key in keys:
        ended = f"revoked {moment(key.revoked_at)}" if key.revoked_at else "in use"
        print(f"{key.id}  {key.process:<24}  made {moment(key.made_at)}  {ended}")
    if not keys:
        print("No keys yet. Make one: switchover keys create PROCESS")


@app.command("revoke")
def revoke(
    key: Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")], config: Config = DEFAULT_CONFIG
) -> None:
    """End a key; every worker refuses it within a second."""
    register.revoke_key(settings(config), key)
    print(f"Key {key} is revoked.")
