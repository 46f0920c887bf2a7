"""Figures that stay when their exchanges go: traffic and money."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Double, Index, Integer, String, Table, Text

from switchover.domain.charge import KINDS

from .base import BUCKETS, MINUTES, MODEL_NAME, RATIOS, SOURCE, metadata


def _count(name: str, kind: type[Integer] = Integer) -> Column[Any]:
    return Column(name, kind, nullable=False, server_default="0")


# Figures, kept when their exchanges go. ``hour`` is in hours since 1970 (UTC); "" where there was no upstream or model.
# ``spent`` is in billionths of a dollar, over the ``priced`` exchanges; tokens over the ``metered``. e… and c… count
# how long answers and their first content took, by BOUNDS_MS.
traffic_hour = Table(
    "traffic_hour",
    metadata,
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("process", String(128), primary_key=True),
    Column("route", String(128), primary_key=True),
    Column("upstream", String(128), primary_key=True),
    Column("model", String(MODEL_NAME), primary_key=True),
    Column("dialect", String(32), primary_key=True),
    Column("outcome", String(16), primary_key=True),
    Column("last_at", Double, nullable=False),
    _count("exchanges"),
    _count("metered"),
    _count("input", BigInteger),
    _count("cached_input", BigInteger),
    _count("output", BigInteger),
    _count("priced"),
    _count("spent", BigInteger),
    *(_count(name) for letter in BUCKETS for name in BUCKETS[letter]),
)

# What was spent, by hour and by what was billed: live traffic as its figures are counted, and what trials report.
# Kept as those are. Money is in billionths of a dollar, by what is billed apart; ``source`` says whose price it is, and
# of what is unpriced, why. ``provider`` and ``developer`` are "" where the upstream was not configured any more.
spend = Table(
    "spend",
    metadata,
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("process", String(128), primary_key=True),
    Column("upstream", String(128), primary_key=True),
    Column("model", String(MODEL_NAME), primary_key=True),
    Column("provider", String(64), primary_key=True),
    Column("developer", String(64), primary_key=True),
    Column("purpose", String(32), primary_key=True),
    Column("ending", String(16), primary_key=True),
    Column("basis", String(16), primary_key=True),
    Column("source", String(SOURCE), primary_key=True),
    _count("calls", BigInteger),
    *(_count(f"{kind}_tokens", BigInteger) for kind in KINDS[:-1]),
    *(_count(f"{kind}_spent", BigInteger) for kind in KINDS),
    _count("listed", BigInteger),
)

# How long a model's tokens are, from settled answers: sums of tokens and of bytes.
token_ratio = Table(
    "token_ratio",
    metadata,
    Column("model", String(MODEL_NAME), primary_key=True),
    *(_count(name, BigInteger) for name in RATIOS),
)

# What providers billed for a month. ``amount`` is in billionths of a dollar, ``rate`` what made it dollars where it was
# billed in another currency. ``by_model`` is JSON: model → amount.
invoice = Table(
    "invoice",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("provider", String(64), nullable=False),
    Column("month", String(7), nullable=False),
    Column("at", Double, nullable=False),
    Column("by", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("billed", Text, nullable=False),
    Column("rate", Text),
    Column("rate_source", Text),
    Column("lines", Integer, nullable=False),
    Column("by_model", Text, nullable=False),
    Index(None, "provider", "month"),
)

# Assumptions as people said them on a page or by a command, edit by edit, never removed: of a name the newest counts.
# The id is name and version, so that of two who edit the same version one is told. ``value`` NULL: taken back.
assumption = Table(
    "assumption",
    metadata,
    Column("id", String(192), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("version", Integer, nullable=False),
    Column("value", Double),
    Column("low", Double),
    Column("high", Double),
    Column("source", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("date", String(10), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("by", Text, nullable=False),
    Index(None, "name", "version"),
)

# Exchanges that were sent to each upstream, and in how many of them it failed.
traffic_tried = Table(
    "traffic_tried",
    metadata,
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("process", String(128), primary_key=True),
    Column("upstream", String(128), primary_key=True),
    Column("dialect", String(32), primary_key=True),
    Column("last_at", Double, nullable=False),
    _count("asked"),
    _count("failed"),
)

# The minutes of an hour: requests for answers in words.
traffic_load = Table(
    "traffic_load",
    metadata,
    Column("process", String(128), primary_key=True),
    Column("hour", Integer, primary_key=True, autoincrement=False),
    *(_count(name) for name in MINUTES),
)
