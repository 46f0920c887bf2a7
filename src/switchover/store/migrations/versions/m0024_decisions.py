"""What people decided on where processes are placed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds a table."""
    op.create_table(
        "decision",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("process", sa.String(128), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(16), nullable=False),
        sa.Column("serves", sa.String(128), nullable=False),
        sa.Column("replacement", sa.String(128)),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("review_on", sa.String(10), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("follows", sa.Boolean(), nullable=False),
        sa.Column("proposed", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("criticality", sa.String(16)),
        sa.Column("substitutability", sa.String(32)),
        sa.Column("impact", sa.String(16)),
    )
    op.create_index("ix_decision_process_number", "decision", ["process", "number"], unique=True)
