"""The columns of an archive's files: what stands in each, and how it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchover.errors import OperatorError

if TYPE_CHECKING:
    import pyarrow

# Raised when a column is added, renamed or means something else.
VERSION = 1


@dataclass(frozen=True, slots=True)
class Column:
    """``kind`` is a word of :func:`_kinds`; ``always`` says that it is never null."""

    name: str
    kind: str
    always: bool
    says: str


COLUMNS = (
    Column("id", "text", True, "The exchange's id, as callers saw it."),
    Column("route", "word", True, "The model name the caller asked for."),
    Column("dialect", "word", True, "The wire format of request and answer."),
    Column("stream", "flag", True, "Whether the answer was a stream."),
    Column("started_at", "moment", True, "When the request came, UTC."),
    Column("outcome", "word", True, "`complete`, `truncated`, `failed`, `rejected`, `abandoned` or `unfinished`."),
    Column("status", "small", True, "The HTTP status the caller got; 0 where it is not known."),
    Column("upstream", "word", False, "Who answered; null: nobody did."),
    Column("model", "text", False, "The model that the answer names."),
    Column(
        "attempts",
        "attempts",
        True,
        "What was tried, in order: `upstream`, `model`, `fault` (an id of the fault catalogue, null: nothing was "
        "amiss), `status`, `elapsed_ms`, `prompt_version`, `cut_off`, and the tokens of an attempt that told a part.",
    ),
    Column("input_tokens", "count", False, "Tokens in, as the upstream billed them; null: not reported."),
    Column("cached_input_tokens", "count", False, "Of these, read from its cache."),
    Column("written_input_tokens", "count", False, "Of these, written to its cache."),
    Column("output_tokens", "count", False, "Tokens out."),
    Column("reasoning_tokens", "count", False, "Of these, thought and not shown."),
    Column("tokens_estimated", "flag", False, "Whether we counted ourselves."),
    Column("first_content_ms", "figure", False, "From the request to the first content sent on, in milliseconds."),
    Column("elapsed_ms", "figure", True, "From the request to the end, in milliseconds."),
    Column("error_code", "text", False, "What the caller was told had gone wrong."),
    Column("dropped", "texts", True, "Fields of the request that the upstream's dialect could not carry."),
    Column("metadata", "pairs", True, "The request's metadata, name → value."),
    Column("bodies", "word", True, "How much of request and answer is kept: `full`, `redacted`, `metadata`."),
    Column("subject", "text", False, "Whom it is about, as a keyed hash."),
    Column("data", "word", False, "The class of data it was found to be in, where above the process's own."),
    Column("content_key", "text", False, 'The key that `content` is sealed with; "": in clear; null: no content.'),
    Column("content", "bytes", False, "Request and answer: msgpack of two byte strings, sealed with `content_key`."),
    Column("content_sha256", "text", False, "SHA-256 of `content` as it lies here, hex."),
)


def library() -> Any:
    """``pyarrow`` with its Parquet part. Raises OperatorError where it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as cause:
        raise OperatorError(
            "the archive needs pyarrow, which is not installed", mend="pip install 'switchover[archive]'"
        ) from cause
    return pyarrow


def arrow_schema() -> pyarrow.Schema:
    """The schema of every file."""
    pa = library()
    kinds = _kinds(pa)
    fields = [pa.field(column.name, kinds[column.kind], nullable=not column.always) for column in COLUMNS]
    return pa.schema(fields, metadata={"switchover.archive": str(VERSION)})


def _kinds(pa: Any) -> dict[str, Any]:
    tokens = [(name, pa.int64()) for name in ("input_tokens", "output_tokens")]
    attempt = pa.struct(
        [
            pa.field("upstream", pa.string(), nullable=False),
            pa.field("model", pa.string(), nullable=False),
            ("fault", pa.string()),
            ("status", pa.int32()),
            pa.field("elapsed_ms", pa.float64(), nullable=False),
            ("prompt_version", pa.string()),
            ("cut_off", pa.string()),
            *tokens,
        ]
    )
    return {
        "text": pa.string(),
        "texts": pa.list_(pa.string()),
        "word": pa.dictionary(pa.int32(), pa.string()),
        "flag": pa.bool_(),
        "moment": pa.timestamp("us", tz="UTC"),
        "small": pa.int32(),
        "count": pa.int64(),
        "figure": pa.float64(),
        "pairs": pa.map_(pa.string(), pa.string()),
        "bytes": pa.binary(),
        "attempts": pa.list_(attempt),
    }
