"""Alerts and whether they reached anybody; keys that were made in the place of others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds two tables and a column."""
    op.add_column("caller_key", sa.Column("in_place_of", sa.String(64)))
    op.create_table(
        "alert",
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("about", sa.String(192), primary_key=True),
        sa.Column("period", sa.String(10), primary_key=True),
        sa.Column("amount", sa.BigInteger(), primary_key=True),
        sa.Column("percent", sa.Integer(), primary_key=True),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=False),
        sa.Column("unknown", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.Double()),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
    )
    op.create_index("ix_alert_id", "alert", ["id"], unique=True)
    op.create_index("ix_alert_at", "alert", ["at"])
    op.create_table(
        "alert_delivery",
        sa.Column("alert", sa.String(32), primary_key=True),
        sa.Column("channel", sa.String(96), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.Double(), nullable=False),
        sa.Column("taken_by", sa.String(128)),
        sa.Column("taken_until", sa.Double()),
        sa.Column("done_at", sa.Double()),
        sa.Column("trouble", sa.Text(), nullable=False),
    )
    op.create_index("ix_alert_delivery_state_channel", "alert_delivery", ["state", "channel"])
