"""Rows of one partition → one Parquet file, the same bytes for the same rows; and a file's bodies in clear."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Row as SqlRow

from switchover.domain.exchange import AttemptRecord, Usage

from ..words import Words
from .columns import COLUMNS, arrow_schema, library

ROW_GROUP = 5000
Row = dict[str, Any]
# The words of (key, exchange, content); None where their key is gone.
Opener = Callable[[str, str, bytes], Words | None]

_attempts = msgspec.json.Decoder(tuple[AttemptRecord, ...])
_usage = msgspec.json.Decoder(Usage)
_words = msgspec.json.Decoder(list[str])
_pairs = msgspec.json.Decoder(dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file of a partition: named by the SHA-256 of its bytes, so that no name is written with other content."""

    name: str
    rows: int
    size: int
    sha256: str

    def is_of(self, data: bytes) -> bool:
        """Whether these are its bytes."""
        return hashlib.sha256(data).hexdigest() == self.sha256


def part_of(rows: Sequence[Row]) -> tuple[Part, bytes]:
    """The rows as a file, in the order given."""
    pa, schema = library(), arrow_schema()
    table = pa.Table.from_pylist(list(rows), schema=schema)
    data = _written(table)
    digest = hashlib.sha256(data).hexdigest()
    return Part(name=f"part-{digest[:32]}.parquet", rows=len(rows), size=len(data), sha256=digest), data


def _written(table: Any) -> bytes:
    out = io.BytesIO()
    library().parquet.write_table(table, out, compression="zstd", row_group_size=ROW_GROUP, version="2.6")
    return out.getvalue()


def archive_row(row: SqlRow[Any], *, bodies: bool) -> Row:
    """A row of the store, with its body, as the columns have it."""
    usage = _usage.decode(row.usage) if row.usage else None
    content = row.content if bodies else None
    found = {column.name: getattr(row, column.name, None) for column in COLUMNS}
    return found | {
        "started_at": round(row.started_at * 1_000_000),
        "attempts": [_attempt(attempt) for attempt in _attempts.decode(row.attempts)],
        "input_tokens": usage.input if usage else None,
        "cached_input_tokens": usage.cached_input if usage else None,
        "written_input_tokens": usage.written_input if usage else None,
        "output_tokens": usage.output if usage else None,
        "reasoning_tokens": usage.reasoning if usage else None,
        "tokens_estimated": usage.estimated if usage else None,
        "dropped": _words.decode(row.dropped),
        "metadata": sorted(_pairs.decode(row.metadata).items()),
        "content_key": row.key if content is not None else None,
        "content": content,
        "content_sha256": hashlib.sha256(content).hexdigest() if content is not None else None,
    }


def _attempt(attempt: AttemptRecord) -> Row:
    return {
        "upstream": attempt.upstream,
        "model": attempt.model,
        "fault": attempt.fault,
        "status": attempt.status,
        "elapsed_ms": attempt.elapsed_ms,
        "prompt_version": attempt.prompt_version,
        "cut_off": attempt.cut_off,
        "input_tokens": attempt.usage.input if attempt.usage else None,
        "output_tokens": attempt.usage.output if attempt.usage else None,
    }


def ids_of(data: bytes) -> list[str]:
    """The exchanges in a file."""
    pa = library()
    table = pa.parquet.read_table(pa.BufferReader(data), columns=["id"])
    return [str(name) for name in table.column("id").to_pylist()]


def opened(data: bytes, opener: Opener) -> bytes:
    """A file with two more columns, ``request`` and ``answer``, in clear, and metadata that was sealed with them.

    What was erased is null. What the opener raises is passed on.
    """
    pa = library()
    table = pa.parquet.read_table(pa.BufferReader(data))
    requests: list[bytes | None] = []
    answers: list[bytes | None] = []
    told: list[Any] = []
    columns = (table.column(name).to_pylist() for name in ("content_key", "id", "content", "metadata"))
    for key, name, content, beside in zip(*columns, strict=True):
        request, answer, metadata = (None if content is None else opener(key, name, content)) or (None, None, None)
        requests.append(request)
        answers.append(answer)
        told.append(beside if metadata is None else sorted(metadata.items()))
    place = table.schema.get_field_index("metadata")
    table = table.set_column(place, table.schema.field(place), pa.array(told, table.schema.field(place).type))
    for name, column in (("request", requests), ("answer", answers)):
        table = table.append_column(pa.field(name, pa.binary()), pa.array(column, pa.binary()))
    return _written(table)
