"""Which format a file has, by its first records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, cast

from switchover.errors import OperatorError

from . import langfuse, litellm, openai_jsonl, otel
from .files import Record
from .found import Source

SOURCES: dict[str, Source] = {
    source.NAME: source for source in cast("tuple[Source, ...]", (otel, litellm, langfuse, openai_jsonl))
}
# So many records are looked at before a file counts as none of ours.
LOOKED_AT = 100
SHOWN = 8


def unfolded(record: Record) -> Iterator[Record]:
    """A page of an API as its items; any other record as it is."""
    value = record.value
    if isinstance(value, dict) and isinstance(value.get("data"), list) and value.keys().isdisjoint({"id", "messages"}):
        for item in value["data"]:
            yield Record(record.line, item)
    else:
        yield record


def recognise(path: Path, records: Iterable[Record]) -> Source | None:
    """The source whose form the first known record has; None for a file without a record.

    Raises OperatorError for a file in which no record is known.
    """
    read = list[Record]()
    for record in islice(records, LOOKED_AT):
        read.append(record)
        for source in SOURCES.values():
            if not record.trouble and source.recognises(record.value):
                return source
    if not read:
        return None
    raise OperatorError(
        f"{path} is in no format that is known: {_seen(read)}",
        mend="see docs/how-to/import-what-you-have.md for the forms there are; --format says which one it is to be",
    )


def _seen(records: list[Record]) -> str:
    """What was seen, by the names of fields: never a value."""
    first = next((record for record in records if not record.trouble), None)
    if first is None:
        return f"its first record is {records[0].trouble}"
    if isinstance(first.value, dict):
        names = ", ".join(_name(name) for name in list(first.value)[:SHOWN])
        more = f" and {len(first.value) - SHOWN} more" if len(first.value) > SHOWN else ""
        return f"its first record has the fields {names}{more}"
    return f"its first record is no object but a {_kind(first.value)}"


def _name(name: str) -> str:
    return name if name.isidentifier() and len(name) <= 40 else "(a long name)"


def _kind(value: Any) -> str:
    return {list: "list", str: "text", bool: "boolean", type(None): "null"}.get(type(value), "number")
