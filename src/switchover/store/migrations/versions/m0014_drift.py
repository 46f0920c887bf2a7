"""What the watch sees change: prompts, baselines and replacements, by canaries and by live samples."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds columns and tables."""
    op.add_column("scored_case", sa.Column("shadow", sa.Boolean(), nullable=False, server_default="0"))
    op.add_column("proof", sa.Column("ended_for", sa.Text()))
    op.create_table(
        "change",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("process", sa.String(128), nullable=False),
        sa.Column("upstream", sa.String(128)),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
    )
    op.create_index("ix_change_process_at", "change", ["process", "at"])
    op.create_table(
        "canary",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("exchange", sa.String(64), primary_key=True),
        sa.Column("process", sa.String(128), nullable=False),
        sa.Column("upstream", sa.String(128), nullable=False),
        sa.Column("about", sa.String(64), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("expected", sa.Double(), nullable=False),
        sa.Column("drawn_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double()),
    )
    op.create_index("ix_canary_process_upstream", "canary", ["process", "upstream"])
    op.create_table(
        "canary_call",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("at", sa.Double(), primary_key=True),
        sa.Column("exchange", sa.String(64), primary_key=True),
        sa.Column("score", sa.Double()),
        sa.Column("reason", sa.Text(), nullable=False),
    )
