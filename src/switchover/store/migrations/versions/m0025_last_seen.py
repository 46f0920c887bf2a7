"""When people were last on the pages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds a table."""
    op.create_table(
        "key_seen",
        sa.Column("key", sa.String(16), primary_key=True),
        sa.Column("at", sa.Double(), nullable=False),
    )
