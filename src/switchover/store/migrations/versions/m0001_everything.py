"""Everything, as first released."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates every table."""
    _record()
    _cases()
    _proofs()
    _register()


def _record() -> None:
    op.create_table(
        "exchange",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("process", sa.String(128), nullable=False),
        sa.Column("route", sa.String(128), nullable=False),
        sa.Column("dialect", sa.String(32), nullable=False),
        sa.Column("stream", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("upstream", sa.String(128)),
        sa.Column("model", sa.Text()),
        sa.Column("attempts", sa.Text(), nullable=False),
        sa.Column("usage", sa.Text()),
        sa.Column("first_content_ms", sa.Double()),
        sa.Column("elapsed_ms", sa.Double(), nullable=False),
        sa.Column("error_code", sa.Text()),
        sa.Column("dropped", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
    )
    op.create_index("ix_exchange_process_started_at", "exchange", ["process", "started_at"])
    op.create_index("ix_exchange_started_at", "exchange", ["started_at"])
    op.create_table(
        "open_intent",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("worker", sa.String(64), nullable=False),
        sa.Column("process", sa.String(128), nullable=False),
        sa.Column("route", sa.String(128), nullable=False),
        sa.Column("dialect", sa.String(32), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
    )
    op.create_index("ix_open_intent_worker", "open_intent", ["worker"])
    op.create_table(
        "gap",
        sa.Column("worker", sa.String(64), primary_key=True),
        sa.Column("segment", sa.Integer(), primary_key=True),
        sa.Column("offset", sa.Integer(), primary_key=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_table(
        "spool_mark",
        sa.Column("worker", sa.String(64), primary_key=True),
        sa.Column("segment", sa.Integer(), nullable=False),
        sa.Column("offset", sa.Integer(), nullable=False),
    )


def _cases() -> None:
    op.create_table(
        "scored_case",
        sa.Column("cell_id", sa.String(64), primary_key=True),
        sa.Column("exchange_id", sa.String(64), primary_key=True),
        sa.Column("graded_at", sa.Double(), nullable=False),
        sa.Column("candidate", sa.Double()),
        sa.Column("baseline", sa.Double()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("slices", sa.Text(), nullable=False),
        sa.Column("topic", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.Column("anchor", sa.Double()),
    )
    op.create_table(
        "baseline_sample",
        sa.Column("process", sa.String(128), primary_key=True),
        sa.Column("epoch", sa.String(64), primary_key=True),
        sa.Column("exchange_id", sa.String(64), primary_key=True),
        sa.Column("answer_text", sa.Text()),
        sa.Column("taken_at", sa.Double(), nullable=False),
    )


def _proofs() -> None:
    op.create_table(
        "verdict",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("cell_id", sa.String(64), nullable=False),
        sa.Column("process", sa.String(128), nullable=False),
        sa.Column("upstream", sa.String(128), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_verdict_cell_id_made_at", "verdict", ["cell_id", "made_at"])
    op.create_index("ix_verdict_process_made_at", "verdict", ["process", "made_at"])
    op.create_table(
        "proof",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("process", sa.String(128), nullable=False),
        sa.Column("upstream", sa.String(128), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("prompt_version", sa.String(64), nullable=False),
        sa.Column("grader", sa.String(64), nullable=False),
        sa.Column("epoch", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("margin", sa.Double(), nullable=False),
        sa.Column("lower", sa.Double(), nullable=False),
        sa.Column("replays", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("revoked_at", sa.Double()),
    )
    op.create_index("ix_proof_process_upstream", "proof", ["process", "upstream"])
    op.create_table(
        "prompt_version",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("process", sa.String(128), nullable=False),
        sa.Column("upstream", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("artefact", sa.String(64)),
        sa.Column("parent", sa.String(64)),
        sa.Column("score", sa.Double()),
        sa.Column("made_at", sa.Double(), nullable=False),
    )
    op.create_index("ix_prompt_version_process", "prompt_version", ["process"])


def _register() -> None:
    op.create_table(
        "cut_off",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("target_kind", sa.String(16), nullable=False),
        sa.Column("target_name", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double()),
        sa.Column("fault", sa.String(64)),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("drill", sa.String(64)),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("processes", sa.Text(), nullable=False),
        sa.Column("lifted_at", sa.Double()),
        sa.Column("lifted_by", sa.Text()),
        sa.Column("heartbeat_at", sa.Double()),
    )
    op.create_table(
        "drill",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("process", sa.String(128), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("begun_at", sa.Double(), nullable=False),
        sa.Column("live", sa.Integer()),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("live", name="uq_drill_live"),
    )
    op.create_index("ix_drill_process_begun_at", "drill", ["process", "begun_at"])
    op.create_table(
        "caller_key",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("process", sa.String(128), nullable=False),
        sa.Column("mac", sa.String(64), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("revoked_at", sa.Double()),
    )
    op.create_table(
        "register_version",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_table(
        "baseline_lost",
        sa.Column("process", sa.String(128), primary_key=True),
        sa.Column("at", sa.Double(), nullable=False),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("holder", sa.String(128), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
    )
