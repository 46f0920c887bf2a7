"""Machines that share a store each say for themselves whose baseline is lost to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the machine to the key; what is held to be lost was said by nobody in particular."""
    was = sa.table("baseline_lost", sa.column("process"), sa.column("at"))
    rows = [{"process": row.process, "machine": "", "at": row.at} for row in op.get_bind().execute(sa.select(was))]
    op.drop_table("baseline_lost")
    made = op.create_table(
        "baseline_lost",
        sa.Column("process", sa.String(128), primary_key=True),
        sa.Column("machine", sa.String(16), primary_key=True),
        sa.Column("at", sa.Double(), nullable=False),
    )
    if rows:
        op.bulk_insert(made, rows)
