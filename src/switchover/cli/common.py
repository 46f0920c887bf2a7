"""What several commands share: the configuration option, JSON output, moments as people read them."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console

from switchover.clock import SystemClock
from switchover.config import load
from switchover.costs.priced import check_prices
from switchover.domain.process import Process, Settings
from switchover.errors import NotFound

Config = Annotated[
    str,
    typer.Option("--config", "-c", envvar="SWITCHOVER_CONFIG", help="The configuration file.", show_default=True),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
DEFAULT_CONFIG = "switchover.yaml"


def settings(path: str) -> Settings:
    """The configuration at ``path``, with a price for whatever a budget is about."""
    found = load(path, os.environ)
    check_prices(found, SystemClock().now())
    return found


def process_named(settings: Settings, name: str) -> Process:
    """The process ``name``. Raises NotFound with the names that there are."""
    if name not in settings.processes:
        raise NotFound(f"there is no process {name!r}", mend=f"use one of {', '.join(sorted(settings.processes))}")
    return settings.processes[name]


def console() -> Console:
    """Where people read; plain when it is not a terminal."""
    return Console(highlight=False, soft_wrap=False)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(plain(value), indent=2, ensure_ascii=False))


def plain(value: Any) -> Any:
    """Dataclasses, bytes and sets as JSON has them; a number without end, which it has not, is nothing."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return str(value)


def moment(at: float | None) -> str:
    """A moment in UTC, to the second."""
    return "–" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def counted(number: int, one: str, several: str) -> str:
    """``1 process``, ``2 processes``."""
    return f"{number} {one if number == 1 else several}"


def visible(text: str) -> str:
    """Text from outside made harmless for a terminal: control and direction marks are shown, not obeyed."""
    return "".join(c if c == "\n" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)
