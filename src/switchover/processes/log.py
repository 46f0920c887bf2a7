"""One line per event: moment, part, event, fields. Bodies, keys and prompts have no place in it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, TextIO

from switchover.clock import Clock


class Log(Protocol):
    """Says that something happened."""

    def __call__(self, event: str, **fields: object) -> None:
        """``event`` is a few words; fields are names, numbers and reasons."""
        ...


def line_log(part: str, clock: Clock, out: TextIO | None = None) -> Log:
    """A log that writes JSON lines to ``out`` (standard error)."""
    write: Callable[[str], object] = (out or sys.stderr).write

    def log(event: str, **fields: object) -> None:
        at = datetime.fromtimestamp(clock.now(), UTC).isoformat(timespec="milliseconds")
        write(json.dumps({"at": at, "part": part, "event": event, **fields}, default=str) + "\n")

    return log


class OncePerChange:
    """Keeps a log from repeating itself: says a thing about a subject again only after another was said."""

    def __init__(self, log: Log) -> None:
        self._log, self._last = log, dict[str, str]()

    def __call__(self, subject: str, event: str, detail: str = "") -> None:
        """Logs ``event`` unless it and its detail are the last that was said about ``subject``; "" ends a trouble."""
        said = f"{event}\0{detail}"
        if self._last.get(subject) != said:
            self._last[subject] = said
            if not event:
                return
            self._log(event, **({"detail": detail} if detail else {}))
