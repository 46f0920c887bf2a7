"""Which cases count overall, what they were asked with, topics kept per epoch, and risks that were accepted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds columns and tables."""
    op.add_column("scored_case", sa.Column("counts", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("scored_case", sa.Column("frame", sa.String(16), nullable=False, server_default=""))
    op.create_table(
        "topics",
        sa.Column("process", sa.String(128), primary_key=True),
        sa.Column("epoch", sa.String(64), primary_key=True),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("embedding", sa.String(32), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("least", sa.Double(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("centres", sa.LargeBinary(), nullable=False),
        sa.Column("examples", sa.Text(), nullable=False),
    )
    op.create_table(
        "acceptance",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("process", sa.String(128), nullable=False),
        sa.Column("upstream", sa.String(128), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("prompt_version", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("verdict", sa.String(64)),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text()),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("withdrawn_at", sa.Double()),
        sa.Column("withdrawn_by", sa.Text()),
    )
    op.create_index("ix_acceptance_process_upstream", "acceptance", ["process", "upstream"])
