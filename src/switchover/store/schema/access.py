"""Who may do what: people, keys, sessions, approvals."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, String, Table, Text

from .base import metadata

# Who is signed in to the pages: of the cookie its HMAC alone.
session = Table(
    "session",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("mac", String(64), nullable=False),
    Column("key", String(16), nullable=False),
    Column("made_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Index(None, "expires_at"),
)

# When somebody last came to the pages with a person's key.
key_seen = Table(
    "key_seen",
    metadata,
    Column("key", String(16), primary_key=True),
    Column("at", Double, nullable=False),
)

caller_key = Table(
    "caller_key",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("process", String(128), nullable=False),
    Column("mac", String(64), nullable=False),
    Column("made_at", Double, nullable=False),
    Column("revoked_at", Double),
    Column("name", Text),
    Column("expires_at", Double),
    Column("made_by", Text),
    Column("revoked_by", Text),
    # The first of the keys that it stands in the place of: they spend of one budget.
    Column("in_place_of", String(64)),
)

# People who act, never removed: rows and the evidence log name them by id.
person = Table(
    "person",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("roles", Text, nullable=False),
    Column("processes", Text, nullable=False),
    Column("made_at", Double, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("revoked_at", Double),
    Column("revoked_by", Text),
)

person_key = Table(
    "person_key",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("person", String(64), nullable=False),
    Column("mac", String(64), nullable=False),
    Column("made_at", Double, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("expires_at", Double),
    Column("revoked_at", Double),
    Column("revoked_by", Text),
    Index(None, "person"),
)

approval = Table(
    "approval",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("act", String(64), nullable=False),
    Column("target", Text, nullable=False),
    Column("process", String(128)),
    Column("parameters", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("proposed_by", String(64), nullable=False),
    Column("proposed_key", String(64), nullable=False),
    Column("proposed_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Index(None, "proposed_at"),
)

# What became of an approval, a row for each step. Its id names approval and step, so that each is taken once.
approval_step = Table(
    "approval_step",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("approval", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", Double, nullable=False),
    Index(None, "approval"),
)
