"""What workers go by, and what was lost, really or as a drill."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Integer, LargeBinary, String, Table, Text

from .base import metadata

cut_off = Table(
    "cut_off",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("target_kind", String(16), nullable=False),
    Column("target_name", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("placed_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("fault", String(64)),
    Column("settings", Text, nullable=False),
    Column("drill", String(64)),
    Column("share", Double, nullable=False),
    Column("processes", Text, nullable=False),
    Column("lifted_at", Double),
    Column("lifted_by", Text),
    Column("heartbeat_at", Double),
)

drill = Table(
    "drill",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("process", String(128), nullable=False),
    Column("state", String(32), nullable=False),
    Column("begun_at", Double, nullable=False),
    # 1 while it runs and NULL otherwise: the unique index lets one live drill in, on every database.
    Column("live", Integer, unique=True),
    Column("body", LargeBinary, nullable=False),
    Index(None, "process", "begun_at"),
)

register_version = Table(
    "register_version",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("version", Integer, nullable=False),
)

baseline_lost = Table(
    "baseline_lost",
    metadata,
    Column("process", String(128), primary_key=True),
    # Whose workers say so: a breaker that one machine holds is no other's to let go.
    Column("machine", String(16), primary_key=True),
    Column("at", Double, nullable=False),
)

suspension = Table(
    "suspension",
    metadata,
    Column("upstream", String(128), primary_key=True),
    Column("at", Double, nullable=False),
    Column("why", Text, nullable=False),
    # "probe" where a probe found it, which may take it back; "" where only a person may.
    Column("by", String(16), nullable=False, server_default=""),
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(128), nullable=False),
    Column("expires_at", Double, nullable=False),
)
