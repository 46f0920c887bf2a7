"""What a source finds in a file: an exchange as it was told there, or why a record is not taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import msgspec

from switchover.domain.exchange import Usage

from .halves import Halves

# 1990 and 2100: what lies outside is no moment at which a model answered, in whatever unit it is told.
EARLIEST, LATEST = 631_152_000.0, 4_102_444_800.0
UNITS = (1, 10**3, 10**6, 10**9)


class Place(NamedTuple):
    """Where a record stands: which file of the import, which line of it (or which element, where it is a list)."""

    file: int
    line: int


class Unfit(Exception):
    """This record is not taken: the reason, in words that hold no part of it, and what to do about it, if anything."""

    def __init__(self, reason: str, mend: str = "") -> None:
        self.reason, self.mend = reason, mend
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that is not taken."""

    place: Place
    reason: str
    mend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One exchange as its source tells it.

    ``request`` is a body, a list of messages or a text; ``answer`` a body, a message or a text. ``own_id`` is the
    source's own and unique in it; None: the content is. ``model`` is the one that was asked, ``route`` the name that
    callers ask it by. ``fields`` is the whole record, for finding the process. Times in Unix seconds and milliseconds.
    """

    place: Place
    request: Any
    answer: Any
    own_id: str | None = None
    dialect: str | None = None
    model: str | None = None
    route: str | None = None
    started_at: float | None = None
    elapsed_ms: float = 0.0
    first_content_ms: float | None = None
    usage: Usage | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)


Item = Found | Skipped


class Source(Protocol):
    """One format: a module of this package. Sources know no files and no store."""

    NAME: str

    def recognises(self, record: Any) -> bool:
        """Whether a record has the form of this source."""
        ...

    def read(self, record: Any, place: Place, halves: Halves) -> Iterator[Item]:
        """What is in a record. May raise :class:`Unfit` for the whole of it."""
        ...

    def rest(self, halves: Halves) -> Iterator[Item]:
        """What was kept back for another record, once all files are read."""
        ...


def moment(value: object) -> float | None:
    """A moment as sources write it: ISO 8601 or Unix time in s, ms, µs or ns; without a zone it is UTC.

    None for what is none, and for what lies before 1990 or after 2100.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        try:
            value = int(text) if text.isdecimal() else float(text)
        except ValueError:
            try:
                read = datetime.fromisoformat(text.replace(" ", "T", 1))
            except ValueError:
                return None
            value = (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    if not isinstance(value, int | float) or not 0 <= value <= LATEST * UNITS[-1]:
        return None
    # Whole numbers are divided as such: a double has no room for nanoseconds.
    return next((value / unit for unit in UNITS if EARLIEST <= value / unit <= LATEST), None)


def milliseconds(begin: float | None, end: float | None) -> float | None:
    """From one moment to the other; None when either is missing or they are the wrong way round."""
    return None if begin is None or end is None or end < begin else (end - begin) * 1000


def count(value: object) -> int:
    """A number of tokens; 0 for what is none."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 40:
        return 0
    return int(value)


def text(value: object) -> str | None:
    """A text that says something; None for anything else."""
    return value if isinstance(value, str) and value.strip() else None


def mapping(value: object) -> Mapping[str, Any]:
    """An object, or one written as JSON text; empty for anything else."""
    value = unpacked(value)
    return value if isinstance(value, dict) else {}


def unpacked(value: object) -> Any:
    """JSON that was stored as text, as what it means; any other value as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value


def field_of(record: Mapping[str, Any], path: str) -> str | None:
    """The value at a dotted path as text; a name may have dots itself, as OpenTelemetry's do. None: there is none."""
    if path in record:
        value = record[path]
        return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    parts = path.split(".")
    for length in range(1, len(parts)):
        below = mapping(record.get(".".join(parts[:length])))
        if below:
            found = field_of(below, ".".join(parts[length:]))
            if found is not None:
                return found
    return None
