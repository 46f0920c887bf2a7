"""What was spent by the hour and by what was billed, what a model's tokens are, and invoices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None

TOKENS = ("input", "cached", "written", "output")
# Only the sum is known of what was counted before: it is entered as what is charged for calls.
CARRIED = """
insert into spend (hour, process, upstream, model, provider, developer, purpose, ending, basis, source, calls,
    input_tokens, cached_tokens, output_tokens, call_spent, listed)
select hour, process, upstream, model, '', '', 'live', 'answered', 'settled',
    'counted before charges were kept by what is billed', sum(priced), sum(input - cached_input), sum(cached_input),
    sum(output), sum(spent), sum(spent)
from traffic_hour where priced > 0 group by hour, process, upstream, model
"""
NOT_PRICED = """
insert into spend (hour, process, upstream, model, provider, developer, purpose, ending, basis, source, calls)
select hour, process, upstream, model, '', '', 'live', 'answered', 'unpriced',
    'no price was known when it was counted', sum(exchanges - priced)
from traffic_hour where exchanges > priced and upstream <> '' group by hour, process, upstream, model
"""


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")


def upgrade() -> None:
    """Creates the tables, and enters what was priced so far."""
    op.add_column("exchange", sa.Column("length", sa.Text()))
    op.create_table(
        "spend",
        sa.Column("hour", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("process", sa.String(128), primary_key=True),
        sa.Column("upstream", sa.String(128), primary_key=True),
        sa.Column("model", sa.String(128), primary_key=True),
        sa.Column("provider", sa.String(64), primary_key=True),
        sa.Column("developer", sa.String(64), primary_key=True),
        sa.Column("purpose", sa.String(32), primary_key=True),
        sa.Column("ending", sa.String(16), primary_key=True),
        sa.Column("basis", sa.String(16), primary_key=True),
        sa.Column("source", sa.String(255), primary_key=True),
        _count("calls"),
        *(_count(f"{kind}_tokens") for kind in TOKENS),
        *(_count(f"{kind}_spent") for kind in (*TOKENS, "call")),
        _count("listed"),
    )
    op.create_table(
        "token_ratio",
        sa.Column("model", sa.String(128), primary_key=True),
        *(_count(name) for name in ("answers", "read", "asked", "wrote", "told", "said")),
    )
    op.create_table(
        "invoice",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("billed", sa.Text(), nullable=False),
        sa.Column("rate", sa.Text()),
        sa.Column("rate_source", sa.Text()),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("by_model", sa.Text(), nullable=False),
    )
    op.create_index("ix_invoice_provider_month", "invoice", ["provider", "month"])
    for statement in (CARRIED, NOT_PRICED):
        op.execute(sa.text(statement))
