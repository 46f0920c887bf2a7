"""``switchover cut``: cut off an upstream, a provider or a jurisdiction, really."""

from __future__ import annotations

from typing import Annotated

import typer

from switchover.wiring import register

from .common import DEFAULT_CONFIG, Config, Json, acting, duration, moment, print_json, settings, visible
from .explain import print_survival, target_from

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def cut(
    target: Annotated[str, typer.Argument(help="upstream:NAME, provider:NAME or jurisdiction:XX.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it goes into the record.")],
    lasting: Annotated[
        str | None, typer.Option("--for", help="Lift it by itself after so long, such as 4h; default: until restored.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Take everything under the target out of every plan, within a second, until it is restored, or for so long."""
    found = settings(config)
    lost = target_from(target)
    lasts = None if lasting is None else duration("--for", lasting)
    placed, is_new = register.place_cut(found, lost, reason=reason, by=acting().name, actor=acting(), lasting=lasts)
    plans = register.survival(found, ())
    if as_json:
        print_json({"cut_off": placed, "new": is_new, "plans": plans})
        return
    until = f" until {moment(placed.expires_at)} UTC" if placed.expires_at is not None else ""
    if is_new:
        print(f"{lost} is cut off{until} ({placed.id}). Lift it: switchover restore {lost}")
    else:
        since = f"since {moment(placed.placed_at)} UTC by {visible(placed.by)}: {visible(placed.reason)}"
        print(f"{lost} was cut off already{until} ({placed.id}), {since}")
    print_survival(plans)
