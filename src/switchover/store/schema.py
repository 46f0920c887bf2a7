"""The tables. Migrations create them; a test compares the two.

Moments are Unix seconds (UTC) as double precision, bodies are binary, small structures are JSON text. ``body`` columns
hold msgpack, which unlike JSON carries infinities: a bound may be one.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, Index, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)

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
    Index(None, "process", "started_at"),
    Index(None, "started_at"),
    Index(None, "subject"),
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

scored_case = Table(
    "scored_case",
    metadata,
    Column("cell_id", String(64), primary_key=True),
    Column("exchange_id", String(64), primary_key=True),
    Column("graded_at", Double, nullable=False),
    Column("candidate", Double),
    Column("baseline", Double),
    Column("reason", Text, nullable=False),
    Column("slices", Text, nullable=False),
    Column("topic", Integer, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("answer", Text),
    Column("anchor", Double),
    Column("key", String(64), nullable=False, server_default=""),
)

baseline_sample = Table(
    "baseline_sample",
    metadata,
    Column("process", String(128), primary_key=True),
    Column("epoch", String(64), primary_key=True),
    Column("exchange_id", String(64), primary_key=True),
    Column("answer_text", Text),
    Column("taken_at", Double, nullable=False),
    Column("key", String(64), nullable=False, server_default=""),
)

verdict = Table(
    "verdict",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("cell_id", String(64), nullable=False),
    Column("process", String(128), nullable=False),
    Column("upstream", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("made_at", Double, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index(None, "cell_id", "made_at"),
    Index(None, "process", "made_at"),
)

proof = Table(
    "proof",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("process", String(128), nullable=False),
    Column("upstream", String(128), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("prompt_version", String(64), nullable=False),
    Column("grader", String(64), nullable=False),
    Column("epoch", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("margin", Double, nullable=False),
    Column("lower", Double, nullable=False),
    Column("replays", Integer, nullable=False),
    Column("made_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("revoked_at", Double),
    Column("continuation", String(16)),
    Column("continues_until", Double),
    Index(None, "process", "upstream"),
)

prompt_version = Table(
    "prompt_version",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("process", String(128), nullable=False),
    Column("upstream", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("parameters", Text, nullable=False),
    Column("artefact", String(64)),
    Column("parent", String(64)),
    Column("score", Double),
    Column("made_at", Double, nullable=False),
    Column("withdrawn_at", Double),
    Index(None, "process"),
)

# Which exchanges a prompt version shows or was trained on: it goes when one of them is erased.
lesson = Table(
    "lesson",
    metadata,
    Column("prompt_version", String(64), primary_key=True),
    Column("exchange", String(64), primary_key=True),
    Index(None, "exchange"),
)

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
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(128), nullable=False),
    Column("expires_at", Double, nullable=False),
)
