"""What erasing needs: the key of each answer kept beside an exchange, what versions learned from, what was erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds columns and tables."""
    for table in ("scored_case", "baseline_sample"):
        op.add_column(table, sa.Column("key", sa.String(64), nullable=False, server_default=""))
    op.add_column("prompt_version", sa.Column("withdrawn_at", sa.Double()))
    op.create_table(
        "lesson",
        sa.Column("prompt_version", sa.String(64), primary_key=True),
        sa.Column("exchange", sa.String(64), primary_key=True),
    )
    op.create_index("ix_lesson_exchange", "lesson", ["exchange"])
    op.create_table(
        "erasure",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("process", sa.String(128)),
        sa.Column("subject", sa.String(64)),
        sa.Column("first_month", sa.String(7)),
        sa.Column("last_month", sa.String(7)),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("keys", sa.Integer(), nullable=False),
        sa.Column("exchanges", sa.Integer(), nullable=False),
        sa.Column("versions", sa.Integer(), nullable=False),
        sa.Column("proofs", sa.Integer(), nullable=False),
    )
