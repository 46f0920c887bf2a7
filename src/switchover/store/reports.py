"""Reports that were issued: the bytes that people were given, and the figures to hold the next one against."""

from __future__ import annotations

import hashlib
import secrets
import zlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from switchover.errors import NotFound

from . import schema
from .database import Store
from .facts import Fact, fact

TABLE = schema.issued_report
# All but what is large.
LISTED = (
    TABLE.c.id,
    TABLE.c.made_at,
    TABLE.c.issued_by,
    TABLE.c.size,
    TABLE.c.root,
    TABLE.c.origin,
    TABLE.c.html_sha256,
    TABLE.c.pdf_sha256,
    TABLE.c.pdf_size,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedReport:
    """A report that was issued. ``size``, ``root`` and ``origin`` are the evidence checkpoint's; None: there was none.

    ``pdf_sha256`` and ``pdf_size`` (bytes) are None where no PDF could be made.
    """

    id: str
    made_at: float
    issued_by: str
    size: int | None
    root: str | None
    origin: str | None
    html_sha256: str
    pdf_sha256: str | None
    pdf_size: int | None


def new_id() -> str:
    """A new report's id."""
    return f"report-{secrets.token_hex(5)}"


def save_report(
    store: Store,
    name: str,
    *,
    made_at: float,
    by: str,
    checkpoint: tuple[int, str, str] | None,
    headlines: str,
    html: bytes,
    pdf: bytes | None,
) -> Fact:
    """Keeps a report; returns the row as a fact."""
    size, root, origin = checkpoint or (None, None, None)
    row = {
        "id": name,
        "made_at": made_at,
        "issued_by": by,
        "size": size,
        "root": root,
        "origin": origin,
        "headlines": headlines,
        "html": zlib.compress(html, 9),
        "html_sha256": hashlib.sha256(html).hexdigest(),
        "pdf": pdf,
        "pdf_sha256": None if pdf is None else hashlib.sha256(pdf).hexdigest(),
        "pdf_size": None if pdf is None else len(pdf),
    }
    with store.write() as connection:
        connection.execute(TABLE.insert(), [row])
    return fact("report", row)


def issued_reports(store: Store, most: int) -> list[IssuedReport]:
    """The newest ones, newest first."""
    wanted = select(*LISTED).order_by(TABLE.c.made_at.desc(), TABLE.c.id.desc()).limit(most)
    with store.read() as connection:
        return [_report(row) for row in connection.execute(wanted)]


def issued_report(store: Store, name: str) -> IssuedReport:
    """One of them. Raises NotFound."""
    with store.read() as connection:
        row = connection.execute(select(*LISTED).where(TABLE.c.id == name)).first()
    if row is None:
        raise _unknown(name)
    return _report(row)


def headlines_of(store: Store, name: str) -> str:
    """The figures that were kept of a report, as JSON. Raises NotFound."""
    with store.read() as connection:
        found = connection.scalar(select(TABLE.c.headlines).where(TABLE.c.id == name))
    if found is None:
        raise _unknown(name)
    return str(found)


def html_of(store: Store, name: str) -> bytes:
    """A report as it was issued, as a page. Raises NotFound."""
    with store.read() as connection:
        found = connection.scalar(select(TABLE.c.html).where(TABLE.c.id == name))
    if found is None:
        raise _unknown(name)
    return zlib.decompress(found)


def pdf_of(store: Store, name: str) -> bytes:
    """A report as it was issued, as a PDF. Raises NotFound, where none was made too."""
    with store.read() as connection:
        row = connection.execute(select(TABLE.c.pdf).where(TABLE.c.id == name)).first()
    if row is None:
        raise _unknown(name)
    if row.pdf is None:
        raise NotFound(f"no PDF was made of {name}", mend="pip install 'switchover[report]', and issue another")
    return bytes(row.pdf)


def _report(row: Any) -> IssuedReport:  # a row of LISTED
    return IssuedReport(**row._mapping)


def _unknown(name: str) -> NotFound:
    return NotFound(f"there is no report {name!r}", mend="`switchover report list` names them")
