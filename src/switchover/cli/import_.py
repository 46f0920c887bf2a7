"""``switchover import``: take in exchanges that were recorded elsewhere."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from switchover.domain.process import Settings
from switchover.errors import NotFound, OperatorError
from switchover.importers.found import moment as moment_of
from switchover.importers.tally import FileTally, Reason, Tally
from switchover.importers.understand import Terms
from switchover.wiring import imports
from switchover.wiring.parts import CLOCK

from .common import (
    DEFAULT_CONFIG,
    Config,
    Json,
    acting,
    console,
    counted,
    moment,
    print_json,
    process_named,
    settings,
    visible,
)

INTERRUPTED = 130

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def import_(
    files: Annotated[list[Path], typer.Argument(help="Exported files, also gzipped; batches with their input files.")],
    process: Annotated[str | None, typer.Option("--process", "-p", help="Whose exchanges they are.")] = None,
    process_from: Annotated[
        str | None,
        typer.Option("--process-from", help="The field of each record that says whose: metadata.team, service.name."),
    ] = None,
    mapped: Annotated[
        list[str] | None, typer.Option("--map", help="VALUE=PROCESS, for a value of that field; several times.")
    ] = None,
    upstream: Annotated[
        str | None,
        typer.Option("--upstream", help="Which upstream answered; default: the one whose model the record names."),
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", help="otel, litellm, langfuse or openai; default: by the content.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="When those happened that tell no moment (ISO 8601); default: today.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="Leave out what is older (ISO 8601).")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be taken.")] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Take in exchanges from OpenAI-style JSONL, LiteLLM, Langfuse or OpenTelemetry; each is taken once.

    Interrupt it; begun again, it goes on. Exit 3 when there was nothing to take.
    """
    found = settings(config)
    terms = _terms(found, process, process_from, mapped or [], upstream, at, since)
    if format is not None and format not in imports.FORMATS:
        raise typer.BadParameter(f"{format!r} is none of {', '.join(imports.FORMATS)}", param_hint="--format")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(), transient=True, disable=as_json) as bar:
        task = bar.add_task("reading", total=sum(_size(file) for file in files) or None)
        tally = imports.import_files(
            found,
            files,
            terms,
            actor=acting(),
            format=format,
            dry_run=dry_run,
            progress=lambda read: bar.update(task, completed=read),
            waiting=lambda: print("switchover: waiting for another import to end", file=sys.stderr),
        )
    if as_json:
        print_json(_plain(tally))
    else:
        print_tally(tally)
    if tally.interrupted:
        print("switchover: what was taken stays; the same command goes on", file=sys.stderr)
        raise typer.Exit(INTERRUPTED)
    if not tally.taken and not tally.known:
        raise typer.Exit(3)


def _terms(
    found: Settings, process: str | None, process_from: str | None, mapped: list[str], upstream: str | None,
    at: str | None, since: str | None,
) -> Terms:  # fmt: skip
    """What the options say. Raises what names the option that is wrong."""
    if (process is None) == (process_from is None):
        raise typer.BadParameter("say whose exchanges they are: --process NAME, or --process-from FIELD")
    if process is not None:
        process_named(found, process)
        if mapped:
            raise typer.BadParameter("it maps the values of --process-from", param_hint="--map")
    values = {}
    for pair in mapped:
        value, equals, name = pair.rpartition("=")
        if not equals:
            raise typer.BadParameter(f"{pair!r} is not VALUE=PROCESS", param_hint="--map")
        values[value] = process_named(found, name).name
    if upstream is not None and upstream not in found.upstreams:
        raise NotFound(
            f"there is no upstream {upstream!r}", mend=f"use one of {', '.join(sorted(found.upstreams)) or 'none'}"
        )
    return Terms(
        process=process,
        process_from=process_from,
        mapped=values,
        upstream=upstream,
        at=CLOCK.now() if at is None else _moment(at, "--at"),
        since=None if since is None else _moment(since, "--since"),
        since_said=since or "",
    )


def _moment(said: str, option: str) -> float:
    found = moment_of(said)
    if found is None:
        raise typer.BadParameter(f"{said!r} is no moment such as 2026-03-01 or 2026-03-01T12:00:00Z", param_hint=option)
    return found


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as cause:
        raise OperatorError(f"{file}: {cause.strerror}", mend="name a file that is there") from cause


def _plain(tally: Tally) -> dict[str, Any]:
    return {
        "taken": tally.taken,
        "known": tally.known,
        "skipped": tally.skipped,
        "undated": tally.undated,
        "beside": tally.beside,
        "processes": tally.processes,
        "upstreams": tally.upstreams,
        **{field.name: getattr(tally, field.name) for field in dataclasses.fields(tally)},
    }


def print_tally(tally: Tally) -> None:
    """A table of the files, then why records were skipped and where."""
    shown = Table(box=None, pad_edge=False)
    for name in ("file", "format"):
        shown.add_column(name)
    for name in ("would be taken" if tally.dry_run else "taken", "known already", "skipped"):
        shown.add_column(name, justify="right")
    for file in tally.files:
        counts = (file.taken, file.known, file.skipped_count)
        shown.add_row(visible(Path(file.file).name), file.format or "empty", *(str(count) for count in counts))
    console().print(shown)
    for file in tally.files:
        for reason in sorted(file.skipped, key=lambda reason: -reason.count):
            print(f"  {_skipped(file, reason, several=len(tally.files) > 1)}")
            if reason.mend:
                print(f"    To mend it: {visible(reason.mend)}")
    for what, counts_of in (("process", tally.processes), ("answered by", tally.upstreams)):
        if counts_of:
            print(f"  {what}: {', '.join(f'{name} {count}' for name, count in counts_of.most_common())}")
    if tally.first is not None:
        print(f"  from {moment(tally.first)} to {moment(tally.last)} UTC")
    if tally.beside:
        told = counted(tally.beside, "exchange was", "exchanges were")
        print(f"  {told} not answered by the process's baseline: rehearsals leave them out")
    if tally.undated:
        told = counted(tally.undated, "exchange tells", "exchanges tell")
        print(f"  {told} no moment: for rehearsals only, left out of load and cost")


def _skipped(file: FileTally, reason: Reason, *, several: bool) -> str:
    lines = ", ".join(str(line) for line in reason.lines)
    more = ", …" if reason.count > len(reason.lines) else ""
    where = f"{visible(Path(file.file).name)} " if several else ""
    unit = file.unit if len(reason.lines) == 1 and not more else f"{file.unit}s"
    return f"skipped {reason.count}: {visible(reason.reason)} ({where}{unit} {lines}{more})"
