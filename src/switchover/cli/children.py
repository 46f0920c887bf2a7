"""What ``switchover up`` starts: not for people."""

from __future__ import annotations

from typing import Annotated

import typer

from .common import DEFAULT_CONFIG, Config

app = typer.Typer(rich_markup_mode=None)


@app.command("worker")
def worker(
    name: Annotated[str, typer.Option("--name")],
    fd: Annotated[int, typer.Option("--fd")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """One gateway worker on an inherited socket."""
    from switchover.wiring.worker import serve_worker

    serve_worker(config, name, fd)


@app.command("pages")
def pages(fd: Annotated[int, typer.Option("--fd")], config: Config = DEFAULT_CONFIG) -> None:
    """The pages, on an inherited socket."""
    from switchover.wiring.pages import serve_pages

    serve_pages(config, fd)


@app.command("keeper")
def keeper(config: Config = DEFAULT_CONFIG) -> None:
    """The keeper."""
    from switchover.wiring.running import serve_keeper

    serve_keeper(config)


@app.command("watcher")
def watcher(config: Config = DEFAULT_CONFIG) -> None:
    """What the keeper starts for the daily round and for due rehearsals."""
    from switchover.wiring.due_run import work

    work(config)
