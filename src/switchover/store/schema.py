"""The tables. Migrations create them; a test compares the two.

Moments are Unix seconds (UTC) as double precision, bodies are binary, small structures are JSON text. ``body`` columns
hold msgpack, which unlike JSON carries infinities: a bound may be one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
    true,
)

from switchover.domain.charge import KINDS

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)

NOT_COMPLETE = "outcome != 'complete'"
NOT_ARCHIVED = "archived IS NULL"
# Upper ends of the buckets in which times are counted, in ms; the last bucket has none.
BOUNDS_MS = (25, 50, 100, 150, 250, 400, 600, 1000, 1500, 2500, 4000, 6000, 10_000, 20_000, 60_000)
BUCKETS = {letter: tuple(f"{letter}{n:02d}" for n in range(len(BOUNDS_MS) + 1)) for letter in ("e", "c")}
MINUTES = tuple(f"m{n:02d}" for n in range(60))
RATIOS = ("answers", "read", "asked", "wrote", "told", "said")
# Of a longer sentence so much is enough to tell it from others.
SOURCE = 255
# An upstream may name its model as it likes; of a longer name so much is enough to count by.
MODEL_NAME = 128

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
