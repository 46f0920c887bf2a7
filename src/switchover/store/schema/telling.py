"""What people were told: alerts and issued reports."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, String, Table, Text

from .base import metadata

# What people were told of, each thing once: another amount (a cap that was raised) makes it another thing.
alert = Table(
    "alert",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("about", String(192), primary_key=True),
    Column("period", String(10), primary_key=True),
    Column("amount", BigInteger, primary_key=True),
    Column("percent", Integer, primary_key=True),
    Column("id", String(32), nullable=False),
    Column("settled", BigInteger, nullable=False),
    Column("unknown", BigInteger, nullable=False),
    Column("ends_at", Double),
    Column("at", Double, nullable=False),
    Column("said", Text, nullable=False),
    Index(None, "id", unique=True),
    Index(None, "at"),
)

# Whether it reached a channel: a keeper takes it for a while and tries, again and again.
alert_delivery = Table(
    "alert_delivery",
    metadata,
    Column("alert", String(32), primary_key=True),
    Column("channel", String(96), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("not_before", Double, nullable=False),
    Column("taken_by", String(128)),
    Column("taken_until", Double),
    Column("done_at", Double),
    Column("trouble", Text, nullable=False),
    Index(None, "state", "channel"),
)

# Reports that were issued. ``html`` is deflated; ``size``, ``root`` and ``origin`` are the evidence checkpoint's that
# each carries; ``headlines`` is what the next one is held against.
issued_report = Table(
    "issued_report",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("made_at", Double, nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("size", BigInteger),
    Column("root", String(64)),
    Column("origin", String(128)),
    Column("headlines", Text, nullable=False),
    Column("html", LargeBinary, nullable=False),
    Column("html_sha256", String(64), nullable=False),
    Column("pdf", LargeBinary),
    Column("pdf_sha256", String(64)),
    Column("pdf_size", Integer),
    Index(None, "made_at"),
)
