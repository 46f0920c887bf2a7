"""``switchover evidence``: the log of what happened, its checkpoints, and whether all of it holds."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated

import typer

from switchover.wiring import evidence

from .common import DEFAULT_CONFIG, Config, Json, counted, moment, print_json, settings, visible

# More than a screen of remarks is read by nobody.
REMARKS = 20
# Hex digits of a hash, of which a line shows the beginning.
SHA256 = 64

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


@app.command("log")
def log(
    last: Annotated[int | None, typer.Option("--last", min=1, help="Only so many, the newest.")] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Print the entries, oldest first."""
    found = evidence.entries(settings(config), last)
    if as_json:
        print_json(found)
        return
    for entry in found:
        rest = {name: value for name, value in entry.items() if name not in ("n", "at", "event", "sha256")}
        said = "  ".join(f"{name}={_told(value)}" for name, value in rest.items())
        print(visible(f"{entry['n']:>6}  {str(entry['at'])[:19]}Z  {entry['event']:<16}  {said}"))
    if not found:
        print("Nothing was noted yet.")


def _told(value: object) -> str:
    """A value in a line: files by name and the beginning of their hash."""
    if isinstance(value, list):
        return ",".join(
            ":".join(_short(part) for part in one.values()) if isinstance(one, dict) else str(one) for one in value
        )
    return "nobody" if value is None else str(value)


def _short(part: object) -> str:
    text = str(part)
    return f"{text[:12]}…" if len(text) == SHA256 else text


@app.command("checkpoint")
def checkpoint(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Sign what was noted so far, and print the checkpoint: keep it somewhere that nobody here can change."""
    signed = evidence.sign(settings(config))
    if as_json:
        print_json({"origin": signed.origin, "size": signed.size, "root": signed.root.hex(), "note": signed.note})
        return
    print(signed.note, end="")


@app.command("stamp")
def stamp(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Sign, and have the checkpoint time-stamped by the configured authority (RFC 3161), which sees its hash alone."""
    from switchover.wiring import timestamps

    size, at = timestamps.stamp_now(settings(config))
    if as_json:
        print_json({"size": size, "at": at})
        return
    print(f"The checkpoint of {counted(size, 'entry', 'entries')} was there by {moment(at)} UTC, says the authority.")


@app.command("key")
def key(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Print the public key; the private one lies in `evidence.key` in the data folder."""
    found = evidence.public_key(settings(config))
    if as_json:
        print_json({"name": found.name, "key": str(found)})
        return
    print(found)


@app.command("prove")
def prove(
    entry: Annotated[int, typer.Argument(help="The entry's number.", min=0)],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Print, as JSON, the proof that an entry is in the log of the newest checkpoint."""
    print_json(evidence.prove(settings(config), entry))


@app.command("verify")
def verify(
    folder: Annotated[Path | None, typer.Argument(help="A log or a bundle; default: the data folder's own.")] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option("--checkpoint", help="A checkpoint that was kept elsewhere.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="The public key's text, kept elsewhere.")] = None,
    file: Annotated[list[Path] | None, typer.Option("--file", help="A file that an entry should name.")] = None,
    tsa_cert: Annotated[
        Path | None,
        typer.Option("--tsa-cert", help="PEM file of the time-stamp authority's certificates, from the authority."),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Check entries, tiles, checkpoints and, for the own log, the store's facts. Exit 3 when something is wrong."""
    known = settings(config) if folder is None else None
    stamps = None
    if tsa_cert is not None:
        from switchover.wiring import timestamps

        stamps = functools.partial(timestamps.check_stamps, certificates=tsa_cert)
    found = evidence.verify(known, folder, checkpoint or (), key, file or (), stamps)
    if as_json:
        print_json(found)
    else:
        print_verified(found, bool(checkpoint))
    if found.wrong:
        raise typer.Exit(3)


def print_verified(found: evidence.Verified, against_elsewhere: bool) -> None:
    """What was found, the first bad place first."""
    for line in found.remarks[:REMARKS]:
        print(visible(f"note   {line}"))
    if len(found.remarks) > REMARKS:
        print(f"note   and {len(found.remarks) - REMARKS} more: --json shows them")
    for line in found.wrong:
        print(visible(f"WRONG  {line}"))
    if found.wrong:
        return
    print(
        f"{counted(found.covered, 'entry', 'entries')} hold, under "
        f"{counted(found.checkpoints, 'checkpoint', 'checkpoints')} of {found.key}"
    )
    if not against_elsewhere:
        print("note   without --checkpoint, one that was kept elsewhere, a history written anew would look the same")
