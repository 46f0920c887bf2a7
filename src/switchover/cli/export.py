"""``switchover export``: what others read without Switchover."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from switchover.report.focus_check import Checked
from switchover.wiring import evidence, spent

from .common import DEFAULT_CONFIG, Config, Json, counted, plain, print_json, settings, visible

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def export() -> None:
    """Export what others read without Switchover."""


@app.command("evidence")
def bundle(
    to: Annotated[Path, typer.Option("--to", help="A new folder, or a new file that ends in .zip.")],
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Write the evidence log for an auditor: entries, tiles, checkpoints, public key, and what checks them."""
    signed = evidence.write_bundle(settings(config), to)
    if as_json:
        print_json({"to": str(to), "size": signed.size, "root": signed.root.hex()})
        return
    print(
        f"{counted(signed.size, 'entry', 'entries')} of {signed.origin} in {to}; README.md there says how to check it"
    )


@app.command()
def focus(
    month: Annotated[
        str | None, typer.Option("--month", help="A month by UTC, such as 2026-11; default: this one.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", help="A new CSV file.")] = None,
    check: Annotated[
        Path | None, typer.Option("--check", help="Check such a file and write none. Exit 3 if it is not FOCUS.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Write what a month cost as FOCUS 1.2: a row per day, process, upstream, model, purpose and kind of token.

    Its sum is that of `switchover costs`, to the billionth of a dollar. Calls without a price are not in it.
    """
    terms = settings(config)
    if (to is None) == (check is None):
        raise typer.BadParameter("name a file to write with --to, or one to check with --check")
    if check is not None:
        _check(spent.check_focus(check), check, as_json=as_json)
    elif to is not None:
        asked = spent.month_of(month)
        written = spent.export_focus(terms, asked, to)
        if as_json:
            print_json({"to": str(to), "month": asked.name, **plain(written)})
            return
        print(f"{counted(written.rows, 'row', 'rows')} of {asked.name} in {to}: {written.total:.9f} USD")
        print(f"to the cent: {written.total:,.2f} USD")
        if written.unpriced:
            print(f"{counted(written.unpriced, 'call', 'calls')} without a price, not in it; see `switchover costs`")


def _check(found: Checked, file: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    elif not found.failures:
        print(f"{file} is FOCUS 1.2: {counted(found.rows, 'row', 'rows')}, {found.total:.9f} USD billed")
    else:
        for line in found.wrong:
            print(visible(line))
        print(f"{file} is not FOCUS 1.2: {counted(found.failures, 'failure', 'failures')}")
    if found.failures:
        raise typer.Exit(3)
