"""``switchover keyring``: the keys under which recorded words are sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from switchover.wiring import erasure

from .common import DEFAULT_CONFIG, Config, Json, counted, print_json, settings

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


@app.command("list")
def listed(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Count the keys by process and month; nobody is named."""
    rows = erasure.scopes(settings(config))
    if as_json:
        print_json(rows)
        return
    for row in rows:
        said = f"{row['process_keys']} of the process, {row['subject_keys']} of subjects, {row['erased']} erased"
        print(f"{row['month']}  {row['process']!s:<24}  {said}")
    if not rows:
        print("No keys yet: they are made with the first record.")


@app.command("rotate")
def rotate(
    old: Annotated[
        str | None,
        typer.Option("--from", help="The master key until now (env:NAME, file:PATH, own), where yours is given."),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Wrap every key under a new master key. What is sealed stays as it is, and running workers follow."""
    done = erasure.rotate(settings(config), old)
    if as_json:
        print_json({"keys": done})
        return
    print(f"{counted(done, 'key', 'keys')} under a new master key. Backups of the ring from before need the old one.")


@app.command("backup")
def backup(
    to: Annotated[Path, typer.Argument(help="A folder for it, on another disk than store and spool.")],
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Keep the key ring apart: without it nothing recorded can be read, with it and the store everything can."""
    done = erasure.backup(settings(config), to)
    if as_json:
        print_json({"keys": done, "folder": str(to)})
        return
    print(f"{counted(done, 'key', 'keys')} in {to}. Keep it apart from backups of the store, and no longer than those.")


@app.command("restore")
def restore(
    backup_at: Annotated[Path, typer.Argument(metavar="FROM", help="The folder of a backup.")],
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Put back the keys that are missing; never one that was erased since."""
    done = erasure.restored(settings(config), backup_at)
    if as_json:
        print_json({"added": done.added, "erased": done.erased})
        return
    print(f"{counted(done.added, 'key', 'keys')} put back; {done.erased} left out, as they were erased.")


@app.command("seal")
def seal(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what lies in clear.")] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Seal what was recorded before there were keys, in store and spool."""
    done = erasure.seal_what_is_in_clear(settings(config), dry_run=dry_run)
    if as_json:
        print_json(done)
        return
    said = "in clear" if dry_run else "sealed"
    print(f"{counted(done.bodies, 'body', 'bodies')} and {counted(done.segments, 'segment', 'segments')} {said}.")
    if done.waiting:
        print(
            f"{counted(done.waiting, 'segment is', 'segments are')} not in the store yet: start `switchover up` once."
        )
