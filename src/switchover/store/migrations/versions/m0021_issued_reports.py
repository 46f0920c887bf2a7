"""Reports that were issued, as they were read, with the figures to hold the next one against."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "issued_report",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger()),
        sa.Column("root", sa.String(64)),
        sa.Column("origin", sa.String(128)),
        sa.Column("headlines", sa.Text(), nullable=False),
        sa.Column("html", sa.LargeBinary(), nullable=False),
        sa.Column("html_sha256", sa.String(64), nullable=False),
        sa.Column("pdf", sa.LargeBinary()),
        sa.Column("pdf_sha256", sa.String(64)),
        sa.Column("pdf_size", sa.Integer()),
    )
    op.create_index("ix_issued_report_made_at", "issued_report", ["made_at"])
