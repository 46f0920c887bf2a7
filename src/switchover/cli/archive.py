"""``switchover archive``: finished days as Parquet files, by process and day."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from switchover.store.archive.parts import Part
from switchover.wiring import archive as wired

from .common import DEFAULT_CONFIG, Config, Json, counted, print_json, settings, visible

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


@app.command("run")
def run(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Archive every finished day that is not archived yet; `switchover up` does so by itself."""
    done = wired.run(settings(config))
    if as_json:
        print_json([{"path": f"{partition.path}/{part.name}", **_told(part)} for partition, part in done])
        return
    for partition, part in done:
        print(f"{partition.path}/{part.name}  {counted(part.rows, 'exchange', 'exchanges')}")
    if not done:
        print("Every finished day is archived.")


def _told(part: Part) -> dict[str, object]:
    return {"rows": part.rows, "size": part.size, "sha256": part.sha256}


@app.command("list")
def listed(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """List the days in the archive."""
    found = wired.listed(settings(config))
    if as_json:
        rows = [
            {"process": partition.process, "day": partition.day, "name": part.name, **_told(part)}
            for partition, parts in found.items()
            for part in parts
        ]
        print_json(rows)
        return
    for partition, parts in found.items():
        count, size = sum(part.rows for part in parts), sum(part.size for part in parts)
        files = counted(len(parts), "file", "files")
        print(f"{partition.path:<50} {count:>9} exchanges  {size / 1e6:8.1f} MB  {files}")
    if not found:
        print("Nothing is archived yet.")


@app.command("verify")
def verify(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Read the whole archive and hold it against the evidence log. Exit 3 when a file was changed, dropped or added."""
    found = wired.verify(settings(config))
    if as_json:
        print_json(found)
    else:
        for line in found.wrong:
            print(visible(f"WRONG  {line}"))
        if not found.wrong:
            print(
                f"{counted(found.partitions, 'day', 'days')} in {counted(found.files, 'file', 'files')} with "
                f"{counted(found.rows, 'exchange', 'exchanges')} are as the evidence log says."
            )
    if found.wrong:
        raise typer.Exit(3)


@app.command("open")
def opened(
    process: Annotated[str, typer.Argument(help="The process.")],
    day: Annotated[list[str], typer.Argument(help="The days, such as 2026-11-25.")],
    to: Annotated[Path, typer.Option("--to", help="A folder that is not there yet.")],
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Write days with their requests and answers in clear: two more columns, for whoever may read them."""
    found = wired.open_partitions(settings(config), process, day, to)
    if as_json:
        print_json(found)
        return
    print(f"{counted(found.rows, 'exchange', 'exchanges')} in clear in {to}")


@app.command("adopt")
def adopt(config: Config = DEFAULT_CONFIG) -> None:
    """Take what lies in the archive for archived, after the store was filled anew; nothing is archived twice then."""
    print(f"{counted(wired.adopt(settings(config)), 'file', 'files')} taken for archived.")
