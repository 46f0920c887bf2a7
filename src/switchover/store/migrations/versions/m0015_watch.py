"""What the watch keeps: probes, retirements, its schedule, what it spent, due orders; and who suspended proofs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds a column and tables."""
    op.add_column("suspension", sa.Column("by", sa.String(16), nullable=False, server_default=""))
    op.create_table(
        "probe",
        sa.Column("upstream", sa.String(128), primary_key=True),
        sa.Column("at", sa.Double(), primary_key=True),
        sa.Column("failed", sa.String(32)),
        sa.Column("fault", sa.String(64)),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("first_ms", sa.Double()),
    )
    op.create_table(
        "retirement",
        sa.Column("upstream", sa.String(128), primary_key=True),
        sa.Column("model", sa.String(256), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("told_at", sa.Double(), nullable=False),
    )
    op.create_table(
        "watch_step",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("wanted_at", sa.Double(), nullable=False),
        sa.Column("ran_at", sa.Double()),
        sa.Column("trouble", sa.Text(), nullable=False),
    )
    op.create_table(
        "watch_spent",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("what", sa.String(192), primary_key=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
    )
    _due_orders()


def _due_orders() -> None:
    op.create_table(
        "due_order",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("process", sa.String(128), nullable=False),
        sa.Column("candidate", sa.String(128), nullable=False),
        sa.Column("prompt_version", sa.String(64)),
        sa.Column("why", sa.String(32), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.Double(), nullable=False),
        sa.Column("opened_by", sa.String(64), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("replays", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.Double(), nullable=False),
        sa.Column("taken_by", sa.String(128)),
        sa.Column("taken_at", sa.Double()),
        sa.Column("taken_until", sa.Double()),
        sa.Column("done_at", sa.Double()),
        sa.Column("verdict", sa.String(64)),
        sa.Column("trouble", sa.Text(), nullable=False),
    )
    op.create_index("ix_due_order_state", "due_order", ["state"])
    op.create_index("ix_due_order_process_opened_at", "due_order", ["process", "opened_at"])
