"""``switchover store``: back the store up, put it back, fill it anew, look whether it is sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from switchover.wiring import store as stores

from .common import DEFAULT_CONFIG, Config, Json, counted, moment, print_json, settings, visible

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


@contextmanager
def _telling(what: str, quiet: bool) -> Iterator[Callable[[str, int], None]]:
    """Says on standard error how far it is, where somebody looks."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as bar:
        task = bar.add_task(what, total=None)
        yield lambda table, rows: bar.update(task, description=f"{what}: {table}, {rows:,}")


@app.command("backup")
def backup(
    to: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Copy the store, as it is at one moment, to a file. Everything may run meanwhile."""
    with _telling("copying", as_json) as told:
        made = stores.back_up(settings(config), to, told)
    if as_json:
        print_json({"file": str(to), "sha256": made.sha256, "manifest": made})
        return
    print(f"{to}: {counted(made.rows, 'row', 'rows')}, schema {made.schema}")
    print(f"sha256 of what it holds: {made.sha256}")
    print("The spool, evidence/, artefacts/ and the keys of the data folder are not in it: copy those beside it.")


@app.command("restore")
def restore(
    source: Annotated[Path, typer.Argument(help="A file that `store backup` wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Put it in place of what the store holds.")] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Put a backup into an empty store, once it was checked; all of it or nothing. Stop `switchover up` first."""
    with _telling("restoring", as_json) as told:
        made, aside = stores.restore(settings(config), source, replace=replace, told=told)
    if as_json:
        print_json({"file": str(source), "sha256": made.sha256, "manifest": made, "aside": aside})
        return
    print(f"Restored {counted(made.rows, 'row', 'rows')} of {moment(made.made_at)} UTC, sha256 {made.sha256}")
    if aside is not None:
        print(f"The damaged store lies in {aside}")
    print("What was recorded since lies in the spool and is indexed at the next `switchover up`.")


@app.command("rebuild")
def rebuild(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Fill the store anew from the spool, and with what only the old store held. Stop `switchover up` first.

    One that is interrupted changes nothing; run it again and it goes on. Exit 3 when the old store has lost something.
    """
    with _telling("reading the spool", as_json) as told:
        done = stores.rebuild(settings(config), lambda read: told("exchanges", read))
    lost = done.filled.lost
    if as_json:
        print_json(done)
    else:
        print(f"The store holds {counted(done.rows.get('exchange', 0), 'exchange', 'exchanges')} again.")
        for name, rows in done.filled.kept.items():
            if rows:
                print(f"  kept from the old store: {counted(rows, 'row', 'rows')} of {name}")
        for line in done.filled.missing:
            print(visible(f"  not in the spool: {line}"))
        for name, why in lost.items():
            print(visible(f"  LOST, all or in part: {name}: {why}"))
        if done.aside is not None:
            print(f"The damaged store lies in {done.aside}")
    if lost:
        raise typer.Exit(3)


@app.command("check")
def check(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Say whether the store is sound and holds what the spool does. Exit 3 when it is not so."""
    with _telling("reading", as_json) as told:
        found = stores.check(settings(config), told)
    if as_json:
        print_json(found)
    else:
        print(f"{found.store}: {counted(sum(found.rows.values()), 'row', 'rows')} can be read")
        for one in found.spools:
            waiting = f", {one.waiting} not yet indexed" if one.waiting else ""
            print(f"  {one.worker}: {counted(one.exchanges, 'exchange', 'exchanges')} compared{waiting}")
        for line in found.wrong:
            print(visible(f"WRONG  {line}"))
    if found.wrong:
        raise typer.Exit(3)
