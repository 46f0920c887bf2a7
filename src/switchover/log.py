"""What Switchover says of itself: one line per event. Bodies, keys and prompts have no place in it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, Protocol

import msgspec

from switchover.clock import Clock

Level = Literal["info", "warning", "error"]
RANK: Mapping[str, int] = {"info": 0, "warning": 1, "error": 2}
Form = Literal["auto", "json", "text"]
STANDARD_ERROR = 2
# POSIX: that much reaches a pipe in one piece, whoever else writes to it.
PIPE_BUF = 4096
MOST_LINES = 10_000
# Lines that come together are written together.
GATHER_S = 0.05
END_S = 2.0
FRAMES = 6


class Log(Protocol):
    """Says that something happened."""

    def __call__(self, event: str, *, level: Level = "info", **fields: object) -> None:
        """``event`` is a few words; fields are names, numbers and reasons."""
        ...


def line_log(
    part: str,
    clock: Clock,
    *,
    form: Form = "auto",
    least: Level = "info",
    write: Callable[[bytes], object] | None = None,
) -> Log:
    """A log that hands lines of at least this level to ``write`` (standard error, at once).

    ``auto`` is text under a terminal and JSON elsewhere. A field that is None is left out.
    """
    send = write or _at_once
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    floor = RANK[least]

    def log(event: str, *, level: Level = "info", **fields: object) -> None:
        if RANK[level] < floor:
            return
        known = {name: value for name, value in fields.items() if value is not None}
        at = datetime.fromtimestamp(clock.now(), UTC).isoformat(timespec="milliseconds")
        if as_text:
            said = "".join([f" {name}={_plain(value)}" for name, value in known.items()])
            send(f"{at} {level} {part}: {event}{said}\n".encode("utf-8", "replace"))
        else:
            line = {"at": at, "level": level, "part": part, "event": event, **known}
            send(msgspec.json.encode(line, enc_hook=str) + b"\n")

    return log


def _at_once(line: bytes) -> None:
    with contextlib.suppress(OSError):  # nobody reads any more
        os.write(STANDARD_ERROR, line)


def _plain(value: object) -> str:
    """A value as it stands in a line of text: one word, or quoted so that it can't pretend to be another field."""
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, default=str)
    text = str(value)
    return text if text.isprintable() and text and not set(text) & set(' "=') else json.dumps(text)


class Lines:
    """Writes lines from a thread of its own: who logs never waits for who reads. Beyond ``most`` they are dropped.

    ``descriptor`` is written whole lines at a time, so that several processes may share a pipe.
    """

    def __init__(self, descriptor: int = STANDARD_ERROR, *, most: int = MOST_LINES) -> None:
        self.dropped = 0
        self._descriptor, self._most = descriptor, most
        self._waiting: deque[bytes] = deque()
        self._bell = threading.Event()
        self._ending = threading.Event()
        self._resting = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def start(self) -> None:
        """Begins to write."""
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Hands a line over; never blocks."""
        if len(self._waiting) >= self._most:
            self.dropped += 1
            return
        self._waiting.append(line)
        if self._resting:
            self._bell.set()

    def close(self) -> None:
        """Writes what waits and ends, within 2 s: a pipe that nobody reads must not hold up the end."""
        self._ending.set()
        self._bell.set()
        if self._thread.is_alive():
            self._thread.join(END_S)

    def _run(self) -> None:
        while True:
            self._resting = True
            # Asked after the mark is set: a line that comes now rings.
            if not self._waiting and not self._ending.is_set():
                self._bell.wait()
            self._resting = False
            self._bell.clear()
            ending = self._ending.wait(GATHER_S)
            while self._waiting:
                self._write(self._some())
            if ending:
                return

    def _some(self) -> list[bytes]:
        """As many whole lines as fit into one piece; at least one."""
        lines = [self._waiting.popleft()]
        size = len(lines[0])
        while self._waiting and size + len(self._waiting[0]) <= PIPE_BUF:
            lines.append(self._waiting.popleft())
            size += len(lines[-1])
        return lines

    def _write(self, lines: list[bytes]) -> None:
        try:
            os.write(self._descriptor, b"".join(lines))
        except OSError:
            self.dropped += len(lines)


class Bridge(logging.Handler):
    """Brings what libraries and our own modules log to a :data:`Log`.

    Of an exception only its kind and where it was raised are told: its message may quote what somebody sent. For the
    same reason others than uvicorn and ourselves have no words here.
    """

    OURS = ("switchover", "uvicorn")

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        level: Level = "warning" if record.levelno < logging.ERROR else "error"
        ours = record.name.partition(".")[0] in self.OURS
        event = record.getMessage().split("\n", 1)[0] if ours else "trouble in a library"
        raised = record.exc_info[1] if record.exc_info else None
        fields: dict[str, object] = {"logger": record.name}
        if raised is not None:
            fields |= {"raised": type(raised).__name__, "where": where(raised.__traceback__)}
        self._log(event, level=level, **fields)


def where(raised_at: TracebackType | None) -> str:
    """The innermost frames of a traceback, the last call first."""
    frames = []
    while raised_at is not None:
        code = raised_at.tb_frame.f_code
        frames.append(f"{os.path.basename(code.co_filename)}:{raised_at.tb_lineno} {code.co_name}")
        raised_at = raised_at.tb_next
    return " < ".join(frames[-FRAMES:][::-1])


class OncePerChange:
    """Keeps a log from repeating itself: says a thing about a subject again only after another was said."""

    def __init__(self, log: Log) -> None:
        self._log, self._last = log, dict[str, str]()

    def __call__(self, subject: str, event: str, detail: str = "", *, level: Level = "info") -> None:
        """Logs ``event`` unless it and its detail are the last that was said about ``subject``; "" ends a trouble."""
        said = f"{event}\0{detail}"
        if self._last.get(subject) != said:
            self._last[subject] = said
            if not event:
                return
            self._log(event, level=level, **({"detail": detail} if detail else {}))
