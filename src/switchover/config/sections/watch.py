"""What is looked after day by day."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ..values import (
    Money,
    hours,
)
from .base import Section

SHADOW = (
    "Live requests replayed a day on each replacement with a proof, to see whether it drifts; they count among "
    "`replays_per_day`. 0 is none."
)
CANARIES = (
    "Fixed prompts asked a day of a process's baseline, and of each replacement with a proof, to see whether the model "
    "behind it has changed. 0 is none."
)


def _switch(value: Any) -> Any:
    """YAML reads `off` as false."""
    return "off" if value is False else value


class WatchSection(Section):
    """What `switchover up` looks at once a day, and rehearses by itself."""

    at: Annotated[str, BeforeValidator(hours)] = Field(
        default="00:00-24:00",
        description="The hours of the day (UTC) in which it works, such as `02:00-06:00`; the moment within them is "
        "another each day.",
    )
    calls_per_day: int = Field(
        default=200, ge=0, description="Most calls of a day that ask upstreams themselves: probes and canaries."
    )
    rehearse: Annotated[Literal["auto", "off"], BeforeValidator(_switch)] = Field(
        default="auto",
        description="`auto` keeps proofs warm and rehearses what is due, within the bounds below and the process's "
        "`budget_calls`; `off` only shows what is due.",
    )
    replays_per_day: int = Field(default=200, ge=1, description="Most replays of a day that it makes by itself.")
    spend_per_day: Money | None = Field(
        default=None,
        description="Most that all of it may cost in a day; then only upstreams whose price is known are asked.",
    )
    shadow: int = Field(default=20, ge=0, description=SHADOW)
    canaries: int = Field(default=20, ge=0, description=CANARIES)


class ProcessWatchSection(Section):
    """How this process's proofs are watched, where other than `watch` says."""

    shadow: int | None = Field(default=None, ge=0, description=SHADOW)
    canaries: int | None = Field(default=None, ge=0, description=CANARIES)
