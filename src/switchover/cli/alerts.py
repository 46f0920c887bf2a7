"""``switchover alerts``: what people were told of, whether it reached them, and a try-out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from switchover.domain.alert import BREAK, Alert, Delivery, DeliveryState
from switchover.wiring import alerts as wired

from .common import DEFAULT_CONFIG, Config, Json, acting, counted, moment, plain, print_json, settings, visible

app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)


@app.callback()
def alerts(
    context: typer.Context,
    most: Annotated[int, typer.Option("--last", min=1, max=1000, help="So many, the newest first.")] = wired.SHOWN,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Show the last alerts, and for each channel whether it arrived. All of them are in the log of `switchover up`."""
    if context.invoked_subcommand is not None:
        return
    terms = settings(config)
    found = wired.newest(terms, most)
    if as_json:
        print_json([plain(alert) | {"headline": alert.headline, "deliveries": ways} for alert, ways in found])
        return
    for alert, ways in found:
        print(visible(_line(alert, ways)))
    if not found:
        print("No alerts. They come at 50, 80, 95 and 100 % of a budget, and when one will not last.")
    if not terms.alerts.names:
        print("They go to the log alone: name a webhook or a mail server under alerts: in the configuration.")


@app.command("test")
def try_out(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Send a try-out by every channel, and say what happened. Exit 3 if it does not arrive by one of them."""
    tried = wired.try_out(settings(config), acting())
    if as_json:
        print_json(tried)
    else:
        for one in tried:
            print(visible(f"BAD  {one.channel}: {one.trouble}" if one.trouble else f"ok   {one.channel}: arrived"))
    if any(one.trouble for one in tried):
        raise typer.Exit(3)


def _line(alert: Alert, ways: Sequence[Delivery]) -> str:
    lines = [f"{moment(alert.at)}  {alert.said.replace(BREAK, chr(10) + ' ' * 21)}"]
    return "\n".join([*lines, *(f"{' ' * 21}{_way(way)}" for way in ways)])


def _way(way: Delivery) -> str:
    tries = counted(way.tries, "try", "tries")
    if way.state is DeliveryState.DELIVERED:
        return f"→ {way.channel}: delivered {moment(way.done_at)}{f' after {tries}' if way.tries > 1 else ''}"
    if way.state is DeliveryState.GIVEN_UP:
        return f"→ {way.channel}: given up after {tries}: {way.trouble}"
    if way.trouble:
        return f"→ {way.channel}: waits after {tries} until {moment(way.not_before)}: {way.trouble}"
    return f"→ {way.channel}: on its way"
