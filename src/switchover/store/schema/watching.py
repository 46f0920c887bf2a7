"""What the daily round keeps."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, String, Table, Text

from .base import metadata

# Fixed prompts with the answer that an upstream gave; ``name`` names the set, ``about`` whom it tells of: which model,
# asked how, graded how. ``ended_at``: it is not asked any more.
canary = Table(
    "canary",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("exchange", String(64), primary_key=True),
    Column("process", String(128), nullable=False),
    Column("upstream", String(128), nullable=False),
    Column("about", String(64), nullable=False),
    Column("answer", Text),
    Column("key", String(64), nullable=False),
    Column("expected", Double, nullable=False),
    Column("drawn_at", Double, nullable=False),
    Column("ended_at", Double),
    Index(None, "process", "upstream"),
)

# How far each answer to a canary agreed with the one that is kept (0-1); NULL where the grader could not say.
canary_call = Table(
    "canary_call",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("at", Double, primary_key=True),
    Column("exchange", String(64), primary_key=True),
    Column("score", Double),
    Column("reason", Text, nullable=False),
)

# What an upstream did when it was asked itself. ``failed`` is what it failed in, NULL where all was well.
probe = Table(
    "probe",
    metadata,
    Column("upstream", String(128), primary_key=True),
    Column("at", Double, primary_key=True),
    Column("failed", String(32)),
    Column("fault", String(64)),
    Column("said", Text, nullable=False),
    Column("first_ms", Double),
)

# Retirements as they became known, each told once. ``day`` is the first on which the model is gone.
retirement = Table(
    "retirement",
    metadata,
    Column("upstream", String(128), primary_key=True),
    Column("model", String(256), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("source", Text, nullable=False),
    Column("told_at", Double, nullable=False),
)

# When each step of the daily round was first wanted, when it last ran, and what kept it from its work then.
watch_step = Table(
    "watch_step",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("wanted_at", Double, nullable=False),
    Column("ran_at", Double),
    Column("trouble", Text, nullable=False),
)

# What the watch spent on a day (UTC): calls, replays, micro-USD.
watch_spent = Table(
    "watch_spent",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("what", String(192), primary_key=True),
    Column("amount", BigInteger, nullable=False),
)

# Rehearsals that are due: a runner takes one for a while, again and again, until it is done.
due_order = Table(
    "due_order",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("process", String(128), nullable=False),
    Column("candidate", String(128), nullable=False),
    Column("prompt_version", String(64)),
    Column("why", String(32), nullable=False),
    Column("said", Text, nullable=False),
    Column("opened_at", Double, nullable=False),
    Column("opened_by", String(64), nullable=False),
    Column("due_at", Double, nullable=False),
    # Replays to make even where the verdict is clear.
    Column("replays", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("calls", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("not_before", Double, nullable=False),
    Column("taken_by", String(128)),
    Column("taken_at", Double),
    Column("taken_until", Double),
    Column("done_at", Double),
    Column("verdict", String(64)),
    Column("trouble", Text, nullable=False),
    Index(None, "state"),
    Index(None, "process", "opened_at"),
)
