"""What providers billed, as it was imported."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select

from switchover.errors import OperatorError

from . import schema
from .database import Store

TABLE = schema.invoice


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One file of a provider for a month. ``amount`` is in billionths of a dollar, ``billed`` as the file has it.

    ``by_model`` is in the file's currency, as decimals in text.
    """

    id: str
    provider: str
    month: str
    at: float
    by: str
    file: str
    sha256: str
    currency: str
    amount: int
    billed: str
    rate: str | None
    rate_source: str | None
    lines: int
    by_model: Mapping[str, str]


def new_id() -> str:
    """A new invoice's id."""
    return f"invoice-{secrets.token_hex(6)}"


def save_invoice(store: Store, invoice: Invoice, *, replace: bool = False) -> int:
    """Saves an invoice, in the place of the month's others with ``replace``; how many went. Raises OperatorError.

    The same file is not taken twice for a month.
    """
    same = (TABLE.c.provider == invoice.provider) & (TABLE.c.month == invoice.month)
    row: dict[str, Any] = {name: getattr(invoice, name) for name in invoice.__slots__}
    with store.write() as connection:
        gone = connection.execute(delete(TABLE).where(same)).rowcount if replace else 0
        known = connection.scalar(select(TABLE.c.id).where(same & (TABLE.c.sha256 == invoice.sha256)))
        if known is not None:
            raise OperatorError(
                f"this file was imported for {invoice.provider} and {invoice.month} already ({known})",
                mend="import the month's other invoices, or the mended one with --replace",
            )
        connection.execute(TABLE.insert(), [row | {"by_model": json.dumps(dict(invoice.by_model))}])
    return int(gone)


def invoices(store: Store, month: str | None = None) -> list[Invoice]:
    """The invoices of a month, or all, by month and provider."""
    wanted = select(TABLE).order_by(TABLE.c.month, TABLE.c.provider, TABLE.c.at)
    if month is not None:
        wanted = wanted.where(TABLE.c.month == month)
    with store.read() as connection:
        rows = connection.execute(wanted).mappings().all()
    return [Invoice(**(dict(row) | {"by_model": json.loads(row["by_model"])})) for row in rows]
