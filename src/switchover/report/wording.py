"""How figures are said: shares, money, moments, and text from outside made harmless. Pure."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from decimal import Decimal

LONGEST = 400


def share(value: float | None) -> str:
    """0.934 as "93 %"; unknown is said, not shown as zero."""
    return "unknown" if value is None else f"{value * 100:.0f} %"


def usd(value: Decimal | None) -> str:
    """Money with as many digits as it deserves."""
    if value is None:
        return "unknown"
    if value and abs(value) < 1:
        return f"${value:.4f}"
    return f"${value:,.2f}" if abs(value) < 100 else f"${value:,.0f}"


def moment(at: float | None) -> str:
    """A moment in UTC, to the second."""
    return "–" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def day(at: float | None) -> str:
    """A day in UTC."""
    return "–" if at is None else datetime.fromtimestamp(at, UTC).strftime("%-d %B %Y")


def span(seconds: float) -> str:
    """A length of time in the unit a person would use."""
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def harmless(text: object) -> str:
    """Text from outside: control and direction marks shown as such, long runs cut. Escaping is the template's work."""
    shown = "".join(
        c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") else f"\\u{ord(c):04x}"
        for c in str(text)[: LONGEST + 1]
    )
    return shown if len(shown) <= LONGEST else shown[:LONGEST] + " …"
