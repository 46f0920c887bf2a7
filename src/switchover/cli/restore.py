"""``switchover restore``: lift a cut-off, or clear what a breaker holds and what is suspended."""

from __future__ import annotations

from typing import Annotated

import typer

from switchover.wiring import register

from .common import DEFAULT_CONFIG, Config, acting, settings
from .explain import print_survival, target_from

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def restore(
    target: Annotated[str, typer.Argument(help="The target that was cut off, or `all`.")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Put everything under the target back into the plans; held breakers try again, suspended proofs count again."""
    found = settings(config)
    who = acting()
    lifted = register.lift_cut(found, None if target == "all" else target_from(target), by=who.name, actor=who)
    cuts = f"{lifted} cut-off{'' if lifted == 1 else 's'} lifted"
    print(f"{cuts}; held breakers and suspended proofs under {target} are cleared.")
    print_survival(register.survival(found, ()))
