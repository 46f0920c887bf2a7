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

from switchover.access.local import keyless
from switchover.access.roles import NONE, RULES
from switchover.clock import SystemClock
from switchover.config import load, resolve
from switchover.config.values import seconds
from switchover.costs.priced import check_prices
from switchover.domain.process import Process, Settings
from switchover.domain.secret import Secret
from switchover.errors import NotFound, OperatorError

from . import running
from .running import acting

__all__ = [
    "DEFAULT_CONFIG",
    "Config",
    "Json",
    "acting",
    "console",
    "counted",
    "duration",
    "moment",
    "plain",
    "print_json",
    "process_named",
    "settings",
    "visible",
]

Config = Annotated[
    str,
    typer.Option("--config", "-c", envvar="SWITCHOVER_CONFIG", help="The configuration file.", show_default=True),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
DEFAULT_CONFIG = "switchover.yaml"
OPERATOR_KEY = "SWITCHOVER_OPERATOR_KEY"


def settings(path: str) -> Settings:
    """The configuration at ``path``, for a command that whoever runs it may begin. Raises Forbidden.

    Whatever a budget is about has a price.
    """
    found = load(path, os.environ)
    check_prices(found, SystemClock().now())
    if RULES.get(running.name(), NONE).keyless:
        running.act_as(keyless())
        return found
    # Late: the store takes its time to import.
    from switchover.wiring import access

    running.act_as(access.admit(found, running.name(), _own_key))
    return found


def _own_key() -> Secret | None:
    """The key of whoever runs the command: in the file that ``--as`` names, or in the environment."""
    path = running.key_file()
    if path is not None:
        return resolve(f"file:{path}", os.getcwd(), os.environ)
    return resolve(f"env:{OPERATOR_KEY}", "", os.environ) if os.environ.get(OPERATOR_KEY) else None


def duration(option: str, text: str) -> float:
    """A length of time as typed, in seconds. Raises OperatorError."""
    try:
        return seconds(text)
    except ValueError as cause:
        raise OperatorError(f"{option} {text!r} is no length of time", mend="write for example 90s or 5m") from cause


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
