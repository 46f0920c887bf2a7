"""People who act, their keys, acts that two agree on; caller keys that have a name and an end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the tables; caller keys that are there have no name, no end and no maker."""
    for name, kind in (("name", sa.Text()), ("expires_at", sa.Double()), ("made_by", sa.Text())):
        op.add_column("caller_key", sa.Column(name, kind))
    op.add_column("caller_key", sa.Column("revoked_by", sa.Text()))
    op.create_table(
        "person",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("processes", sa.Text(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.Double()),
        sa.Column("revoked_by", sa.Text()),
    )
    op.create_table(
        "person_key",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("mac", sa.String(64), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Double()),
        sa.Column("revoked_at", sa.Double()),
        sa.Column("revoked_by", sa.Text()),
    )
    op.create_index("ix_person_key_person", "person_key", ["person"])
    op.create_table(
        "approval",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("act", sa.String(64), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("process", sa.String(128)),
        sa.Column("parameters", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.String(64), nullable=False),
        sa.Column("proposed_key", sa.String(64), nullable=False),
        sa.Column("proposed_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
    )
    op.create_index("ix_approval_proposed_at", "approval", ["proposed_at"])
    op.create_table(
        "approval_step",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("approval", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
    )
    op.create_index("ix_approval_step_approval", "approval_step", ["approval"])
