"""A proof says how its replacement goes on with answers that broke off, and until when that is in date."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds two columns; proofs that are there were made without such cases."""
    op.add_column("proof", sa.Column("continuation", sa.String(16)))
    op.add_column("proof", sa.Column("continues_until", sa.Double()))
