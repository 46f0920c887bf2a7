"""``switchover erase``: make a person's, a process's or a period's words unreadable, wherever copies of them lie."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from switchover.privacy.erase import Erased
from switchover.wiring import erasure

from .common import DEFAULT_CONFIG, Config, Json, acting, counted, print_json, settings

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def erase(
    reason: Annotated[str, typer.Option("--reason", help="Why; it goes into the store, not into the log.")],
    subject: Annotated[
        str | None,
        typer.Option("--subject", help="Whom: as requests name them; - reads it from standard input."),
    ] = None,
    subject_hash: Annotated[
        str | None, typer.Option("--subject-hash", help="Whom: by the hash that `exchanges show` prints.")
    ] = None,
    process: Annotated[str | None, typer.Option("--process", "-p", help="Only of this process, or all of it.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="From this month on, such as 2026-03.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Up to this month, and with it.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, and stop.")] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Erase words for good, once a second person approved it: the keys they are sealed with are deleted.

    Figures, verdicts and the log stay.
    """
    found = settings(config)
    if subject == "-":
        subject = sys.stdin.read().rstrip("\r\n")
    with erasure.opened(found) as ring:
        wanted = erasure.reaches(ring, subject=subject, hashed=subject_hash, process=process, since=since, until=until)
    done = erasure.would_erase(found, wanted) if dry_run else erasure.erase(found, wanted, acting(), reason=reason)
    if as_json:
        print_json(done)
        return
    print_erased(done)


def print_erased(done: Erased) -> None:
    """What went, or would."""
    print("Would erase:" if done.id is None else f"{done.id}: erased")
    print(f"  {counted(done.keys, 'key', 'keys')}, without which nothing sealed with them can be read again")
    print(f"  the words of {counted(done.exchanges, 'exchange', 'exchanges')}; what is counted of them stays")
    if done.versions:
        made = counted(len(done.versions), "prompt version", "prompt versions")
        print(f"  {made} made of them: {', '.join(done.versions)}")
        print(f"  {counted(done.proofs, 'proof', 'proofs')} that rested on these; adapt and rehearse again")
    if done.in_clear:
        print(f"  {done.in_clear} were not sealed: backups of store and spool that hold them have to be deleted")
    if done.id is not None:
        print("Backups of the key ring still hold the keys: delete those from before, or rotate the master key.")
