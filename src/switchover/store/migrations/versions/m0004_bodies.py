"""Bodies in a table of their own, so that counting and listing need not read past them."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PAGE = 500


def upgrade() -> None:
    """Creates the table, moves the bodies and adds what says how much of them is kept."""
    op.create_table(
        "body",
        sa.Column("exchange", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    _move()
    op.drop_column("exchange", "request")
    op.drop_column("exchange", "answer")
    op.add_column("exchange", sa.Column("bodies", sa.String(16), nullable=False, server_default="full"))
    op.add_column("exchange", sa.Column("subject", sa.String(64)))
    op.add_column("exchange", sa.Column("data", sa.String(16)))
    op.create_index("ix_exchange_subject", "exchange", ["subject"])


def _move() -> None:
    connection = op.get_bind()
    was = sa.table(
        "exchange", sa.column("id"), sa.column("request", sa.LargeBinary), sa.column("answer", sa.LargeBinary)
    )
    body = sa.table("body", sa.column("exchange"), sa.column("key"), sa.column("content", sa.LargeBinary))
    last = ""
    while True:
        rows = connection.execute(sa.select(was).where(was.c.id > last).order_by(was.c.id).limit(PAGE)).all()
        if not rows:
            return
        kept = [
            {"exchange": row.id, "key": "", "content": msgspec.msgpack.encode((row.request, row.answer))}
            for row in rows
        ]
        connection.execute(body.insert(), kept)
        last = rows[-1].id
