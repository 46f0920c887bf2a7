"""Figures counted as exchanges come in, the archive's parts, and what retention deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from switchover.store.counting import recount

revision = "0009"
down_revision = "0005"
branch_labels = None
depends_on = None

BUCKETS = 16


def upgrade() -> None:
    """Creates the tables, and counts what was recorded so far."""
    _hour()
    _tried()
    _load()
    _parts()
    _deletions()
    op.add_column("exchange", sa.Column("archived", sa.Integer()))
    for name, columns, where in (
        ("ix_exchange_not_complete", ["started_at"], "outcome != 'complete'"),
        ("ix_exchange_not_archived", ["process", "started_at"], "archived IS NULL"),
    ):
        op.create_index(name, "exchange", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    # Figures follow from the exchanges: counted anew, whatever a later version counts.
    recount(op.get_bind(), spend=False)


def _count(name: str, kind: type[sa.Integer] = sa.Integer) -> sa.Column[int]:
    return sa.Column(name, kind(), nullable=False, server_default="0")


def _hour() -> None:
    op.create_table(
        "traffic_hour",
        sa.Column("hour", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("process", sa.String(128), primary_key=True),
        sa.Column("route", sa.String(128), primary_key=True),
        sa.Column("upstream", sa.String(128), primary_key=True),
        sa.Column("model", sa.String(128), primary_key=True),
        sa.Column("dialect", sa.String(32), primary_key=True),
        sa.Column("outcome", sa.String(16), primary_key=True),
        sa.Column("last_at", sa.Double(), nullable=False),
        _count("exchanges"),
        _count("metered"),
        _count("input", sa.BigInteger),
        _count("cached_input", sa.BigInteger),
        _count("output", sa.BigInteger),
        _count("priced"),
        _count("spent", sa.BigInteger),
        *(_count(f"{letter}{n:02d}") for letter in ("e", "c") for n in range(BUCKETS)),
    )


def _tried() -> None:
    op.create_table(
        "traffic_tried",
        sa.Column("hour", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("process", sa.String(128), primary_key=True),
        sa.Column("upstream", sa.String(128), primary_key=True),
        sa.Column("dialect", sa.String(32), primary_key=True),
        sa.Column("last_at", sa.Double(), nullable=False),
        _count("asked"),
        _count("failed"),
    )


def _load() -> None:
    op.create_table(
        "traffic_load",
        sa.Column("process", sa.String(128), primary_key=True),
        sa.Column("hour", sa.Integer(), primary_key=True, autoincrement=False),
        *(_count(f"m{n:02d}") for n in range(60)),
    )


def _parts() -> None:
    op.create_table(
        "archive_part",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("process", sa.String(128), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("written_at", sa.Double(), nullable=False),
        sa.Column("placed", sa.Boolean(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_archive_part_process_day", "archive_part", ["process", "day"])


def _deletions() -> None:
    op.create_table(
        "deletion",
        sa.Column("what", sa.String(16), primary_key=True),
        sa.Column("process", sa.String(128), primary_key=True),
        sa.Column("before", sa.Double(), primary_key=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("noted", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "retention_run",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("at", sa.Double(), nullable=False),
    )
