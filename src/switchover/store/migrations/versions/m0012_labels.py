"""What people say of answers, and what a judge of them cost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds a table and columns."""
    op.create_table(
        "label",
        sa.Column("cell_id", sa.String(64), primary_key=True),
        sa.Column("exchange_id", sa.String(64), primary_key=True),
        sa.Column("person", sa.String(128), primary_key=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("case_at", sa.Double(), nullable=False),
        sa.Column("candidate", sa.Double()),
        sa.Column("baseline", sa.Double()),
        sa.Column("candidate_left", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
    )
    op.add_column("scored_case", sa.Column("judge_calls", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("scored_case", sa.Column("judge_nusd", sa.BigInteger()))
