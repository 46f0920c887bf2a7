"""What judges and hooks say of a case, apart from why it scored as it did, so that it is sealed as the answer is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds a column. What judges said so far lies in clear, where no erasure of keys reaches it, and is deleted."""
    op.add_column("scored_case", sa.Column("remark", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE scored_case SET reason = '' WHERE judge_calls > 0 AND candidate IS NOT NULL")
