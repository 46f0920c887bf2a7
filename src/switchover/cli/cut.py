"""``switchover cut``: cut off an upstream, a provider or a jurisdiction, really."""

from __future__ import annotations

from typing import Annotated

import typer

from switchover.wiring import register

from .common import DEFAULT_CONFIG, Config, Json, acting, print_json, settings
from .explain import print_survival, target_from

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def cut(
    target: Annotated[str, typer.Argument(help="upstream:NAME, provider:NAME or jurisdiction:XX.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it goes into the record.")],
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Take everything under the target out of every plan, within a second, until it is restored."""
    found = settings(config)
    lost = target_from(target)
    placed = register.place_cut(found, lost, reason=reason, by=acting().name, actor=acting())
    plans = register.survival(found, ())
    if as_json:
        print_json({"cut_off": placed, "plans": plans})
        return
    print(f"{lost} is cut off ({placed.id}). Lift it: switchover restore {lost}")
    print_survival(plans)
