"""``switchover exchanges``: list and show what was recorded."""

from __future__ import annotations

from typing import Annotated

import typer

from switchover.domain.exchange import MISSING, Exchange, Outcome
from switchover.domain.process import Bodies
from switchover.wiring import register

from .common import DEFAULT_CONFIG, Config, Json, acting, moment, plain, print_json, settings, visible

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


@app.command("list")
def listed(
    process: Annotated[str | None, typer.Option("--process", "-p", help="Only this process.")] = None,
    outcome: Annotated[
        str | None,
        typer.Option("--outcome", help="Only complete, truncated, failed, rejected, abandoned or unfinished."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many.")] = 20,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """List the newest exchanges."""
    rows, total = register.exchanges(settings(config), process=process, outcome=outcome, limit=limit)
    if as_json:
        print_json([_row(exchange) for exchange in rows])
        return
    for row in rows:
        tried = " → ".join(f"{a.upstream}{f' ({a.fault})' if a.fault else ''}" for a in row.attempts) or "nothing tried"
        print(
            f"{row.id}  {moment(row.started_at)}  {row.process:<18} {row.status}  {row.outcome:<10} "
            f"{row.elapsed_ms:7.0f} ms  {tried}"
        )
    print(f"{len(rows)} of {total} exchanges.")


@app.command("show")
def show(
    exchange: Annotated[str, typer.Argument(help="The id, or its unique beginning.")],
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Show one exchange with its bodies, to whom may read them: not to auditors, nor to owners of other processes."""
    known = settings(config)
    found, whole = register.exchange(known, exchange, actor=acting())
    if as_json:
        print_json(found if whole else {**plain(found), "request": None, "answer": None})
        return
    print(f"{found.id}  {found.process} · {found.route} · {found.dialect}{' (stream)' if found.stream else ''}")
    print(
        f"began {moment(found.started_at)} UTC, took {found.elapsed_ms:.0f} ms, status {found.status}, {found.outcome}"
    )
    for position, attempt in enumerate(found.attempts, 1):
        version = f", prompt version {attempt.prompt_version}" if attempt.prompt_version else ""
        ended = f"failed: {attempt.fault}" if attempt.fault else "answered"
        if position == len(found.attempts) and found.outcome is Outcome.COMPLETE and attempt.fault is not None:
            named = f" as {visible(found.model or '?')}" if found.by_other else ""
            ended = f"answered{named}: {attempt.fault}"
        print(f"  {position}. {attempt.upstream} ({attempt.model}{version}) {ended}, {attempt.elapsed_ms:.0f} ms")
    if found.subject:
        print(f"subject: {found.subject}")
    if found.usage:
        print(f"tokens: {found.usage.input} in, {found.usage.output} out")
    if found.data is not None:
        print(f"data: found to be {found.data}")
    if missing := [one.removeprefix(MISSING) for one in found.dropped if one.startswith(MISSING)]:
        print(f"left out of the record: {', '.join(missing)}")
    unshown = _why_no_words(found, whole)
    if unshown is not None:
        print(unshown)
        return
    print("--- request ---")
    print(visible(found.request.decode("utf-8", "replace")))
    print("--- answer ---")
    print(visible(found.answer.decode("utf-8", "replace")))


def _why_no_words(found: Exchange, whole: bool) -> str | None:
    """Why request and answer are not shown; None where they are."""
    if found.bodies in (Bodies.METADATA, Bodies.NONE):
        return "No request and no answer is kept of it (`recording: metadata`, or they could not be redacted)."
    if found.bodies is Bodies.ERASED:
        return "Request and answer were erased."
    if not whole:
        return f"What was asked and answered is not shown to {acting().name}, whose role does not reach so far."
    return None


def _row(exchange: Exchange) -> dict[str, object]:
    return {
        "id": exchange.id,
        "process": exchange.process,
        "route": exchange.route,
        "dialect": exchange.dialect,
        "started_at": exchange.started_at,
        "status": exchange.status,
        "outcome": str(exchange.outcome),
        "upstream": exchange.upstream,
        "model": exchange.model,
        "elapsed_ms": exchange.elapsed_ms,
        "attempts": [{"upstream": a.upstream, "fault": a.fault} for a in exchange.attempts],
    }
