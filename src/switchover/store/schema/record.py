"""What was asked and answered, and what of it the record is known to lack."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, Index, Integer, LargeBinary, String, Table, Text, text

from .base import NOT_ARCHIVED, NOT_COMPLETE, metadata

exchange = Table(
    "exchange",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("process", String(128), nullable=False),
    Column("route", String(128), nullable=False),
    Column("dialect", String(32), nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("status", Integer, nullable=False),
    Column("upstream", String(128)),
    Column("model", Text),
    Column("attempts", Text, nullable=False),
    Column("usage", Text),
    Column("first_content_ms", Double),
    Column("elapsed_ms", Double, nullable=False),
    Column("error_code", Text),
    Column("dropped", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("bodies", String(16), nullable=False, server_default="full"),
    Column("subject", String(64)),
    Column("data", String(16)),
    # The archive's part that holds it.
    Column("archived", Integer),
    Column("length", Text),
    Index(None, "process", "started_at"),
    Index(None, "started_at"),
    Index(None, "subject"),
    # Written out, not bound: only so does SQLite see that the index holds what a query wants.
    Index(
        "ix_exchange_not_complete",
        "started_at",
        sqlite_where=text(NOT_COMPLETE),
        postgresql_where=text(NOT_COMPLETE),
    ),
    Index(
        "ix_exchange_not_archived",
        "process",
        "started_at",
        sqlite_where=text(NOT_ARCHIVED),
        postgresql_where=text(NOT_ARCHIVED),
    ),
)

# Request and answer, apart from what is counted and listed: msgpack of both, sealed with the key named; "" = in clear.
body = Table(
    "body",
    metadata,
    Column("exchange", String(64), primary_key=True),
    Column("key", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

# Requests that were begun and have not been heard of since; a restart of their worker makes them unfinished exchanges.
open_intent = Table(
    "open_intent",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("worker", String(64), nullable=False),
    Column("process", String(128), nullable=False),
    Column("route", String(128), nullable=False),
    Column("dialect", String(32), nullable=False),
    Column("started_at", Double, nullable=False),
    Index(None, "worker"),
)

# What the record is known to lack, and why: lost records, rotten frames, a torn tail.
gap = Table(
    "gap",
    metadata,
    Column("worker", String(64), primary_key=True),
    Column("segment", Integer, primary_key=True),
    Column("offset", Integer, primary_key=True),
    Column("at", Double, nullable=False),
    Column("records", Integer, nullable=False),
    Column("reason", Text, nullable=False),
)

spool_mark = Table(
    "spool_mark",
    metadata,
    Column("worker", String(64), primary_key=True),
    Column("segment", Integer, nullable=False),
    Column("offset", Integer, nullable=False),
)
