"""What was archived, erased and deleted."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, String, Table, Text

from .base import metadata

# What was erased, for whom, and what went with it. Of a subject only the hash is there.
erasure = Table(
    "erasure",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("at", Double, nullable=False),
    Column("process", String(128)),
    Column("subject", String(64)),
    Column("first_month", String(7)),
    Column("last_month", String(7)),
    Column("by", Text, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("keys", Integer, nullable=False),
    Column("exchanges", Integer, nullable=False),
    Column("versions", Integer, nullable=False),
    Column("proofs", Integer, nullable=False),
)

# A file of the archive, and the partition that it belongs to; ``placed`` once it lies there and its manifest names it.
archive_part = Table(
    "archive_part",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("process", String(128), nullable=False),
    Column("day", String(10), nullable=False),
    Column("name", String(128), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("written_at", Double, nullable=False),
    Column("placed", Boolean, nullable=False),
    Index(None, "process", "day"),
    # A number is never given again: exchanges may bear that of a part that retention removed.
    sqlite_autoincrement=True,
)

# What retention deleted, counted in the transaction that did: everything of its kind that began before ``before``.
deletion = Table(
    "deletion",
    metadata,
    Column("what", String(16), primary_key=True),
    Column("process", String(128), primary_key=True),
    Column("before", Double, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("at", Double, nullable=False),
    Column("noted", Boolean, nullable=False),
)

# When retention last ran.
retention_run = Table(
    "retention_run",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("at", Double, nullable=False),
)
