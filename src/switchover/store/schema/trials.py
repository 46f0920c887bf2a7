"""Scored cases, labels, verdicts and proofs, and what they were made with."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, LargeBinary, String, Table, Text, true

from .base import metadata

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
    # Of the answer and the remark.
    Column("key", String(64), nullable=False, server_default=""),
    Column("remark", Text, nullable=False, server_default=""),
    Column("counts", Boolean, nullable=False, server_default=true()),
    Column("frame", String(16), nullable=False, server_default=""),
    Column("shadow", Boolean, nullable=False, server_default="0"),
    Column("judge_calls", Integer, nullable=False, server_default="0"),
    # In billionths of a dollar; NULL where a call's price is not known.
    Column("judge_nusd", BigInteger),
)

# What people say of both answers of a case: marks, no words. ``case_at`` is when the answers were graded.
label = Table(
    "label",
    metadata,
    Column("cell_id", String(64), primary_key=True),
    Column("exchange_id", String(64), primary_key=True),
    Column("person", String(128), primary_key=True),
    Column("at", Double, nullable=False),
    Column("case_at", Double, nullable=False),
    Column("candidate", Double),
    Column("baseline", Double),
    Column("candidate_left", Boolean, nullable=False),
    Column("source", String(16), nullable=False),
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

# Kinds of requests as they were fitted in an epoch. ``centres`` are little-endian floats, row by row; of the texts only
# the ids of typical exchanges are there.
topics = Table(
    "topics",
    metadata,
    Column("process", String(128), primary_key=True),
    Column("epoch", String(64), primary_key=True),
    Column("made_at", Double, nullable=False),
    Column("embedding", String(32), nullable=False),
    Column("first", Integer, nullable=False),
    Column("least", Double, nullable=False),
    Column("width", Integer, nullable=False),
    Column("centres", LargeBinary, nullable=False),
    Column("examples", Text, nullable=False),
)

# A replacement that a process's owner takes without a proof, until a day. ``state`` is what its verdict was then.
acceptance = Table(
    "acceptance",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("process", String(128), nullable=False),
    Column("upstream", String(128), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("prompt_version", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("verdict", String(64)),
    Column("reason", Text, nullable=False),
    Column("made_at", Double, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("approved_by", Text),
    Column("expires_at", Double, nullable=False),
    Column("withdrawn_at", Double),
    Column("withdrawn_by", Text),
    Index(None, "process", "upstream"),
)

# What people decided on where processes are placed. Never changed: the next one of a process supersedes it.
decision = Table(
    "decision",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("process", String(128), nullable=False),
    Column("number", Integer, nullable=False),
    Column("place", String(16), nullable=False),
    Column("serves", String(128), nullable=False),
    Column("replacement", String(128)),
    Column("reason", Text, nullable=False),
    Column("review_on", String(10), nullable=False),
    Column("made_at", Double, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("follows", Boolean, nullable=False),
    Column("proposed", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("criticality", String(16)),
    Column("substitutability", String(32)),
    Column("impact", String(16)),
    Index(None, "process", "number", unique=True),
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
    # Why it was revoked, where the watch did.
    Column("ended_for", Text),
    Index(None, "process", "upstream"),
)

# What opened empty ledgers: of one upstream, or with NULL all of the process. Exchanges since then are the new kind.
change = Table(
    "change",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("process", String(128), nullable=False),
    Column("upstream", String(128)),
    Column("kind", String(16), nullable=False),
    Column("at", Double, nullable=False),
    Column("since", Double, nullable=False),
    Column("why", Text, nullable=False),
    Index(None, "process", "at"),
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
