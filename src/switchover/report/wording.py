"""How figures are said: shares, money, moments, and text from outside made harmless. Pure."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from .graph import HELD, Graph, Weight

if TYPE_CHECKING:
    from .model import Sealed

TITLE = "Can we switch AI models before we have to?"
# The four answers, in a word or two each.
TOPICS = ("What goes on", "In our own hands", "What it will cost", "What we can run")
LONGEST, LONGEST_NAME = 400, 34
HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def share(value: float | None) -> str:
    """0.934 as "93 %"; unknown is said, not shown as zero, and nearly all or nearly nothing is not rounded to it."""
    if value is None:
        return "unknown"
    if 0 < value < 0.01:
        return "under 1 %"
    return "99 %" if 0.99 < value < 1 else f"{value * 100:.0f} %"


def concentration(graph: Graph) -> str:
    """The Herfindahl index by level and weight, of every level that somebody outside holds, in one sentence."""
    rows = (
        f"{level} " + " / ".join("unknown" if (found := by[weight]) is None else f"{found:.2f}" for weight in Weight)
        for level, by in ((one, graph.concentration[one]) for one in HELD)
        if by[Weight.VOLUME] is not None
    )
    return (
        f"Concentration by {' / '.join(Weight)} (Herfindahl index; 1.00: one holds all; two contracts with one parent "
        f"are one at parent): {'; '.join(rows)}."
    )


def usd(value: Decimal | None) -> str:
    """Money with as many digits as it deserves."""
    if value is None:
        return "unknown"
    if value < 0:
        return f"−{usd(-value)}"
    if value and abs(value) < Decimal("0.0001"):
        return "under $0.0001"
    if value and abs(value) < 1:
        return f"${value:.4f}"
    return f"${value:,.2f}" if abs(value) < 100 else f"${value:,.0f}"


def usd_about(value: float) -> str:
    """Money as one says it: "$1.2 million", "$34,000", "$7,500", "$5.60"."""
    if value >= 999_500:
        return f"${value / 1e6:,.1f} million"
    if value >= 9_950:
        return f"${value / 1e3:,.0f},000"
    if value >= 999.5:
        return f"${int(value / 100 + 0.5) * 100:,}"
    return usd(Decimal(f"{value:.4f}"))


def change(percent: int) -> str:
    """A change of price: "+30 %", "−30 %", or "as today"."""
    return f"{percent:+d} %".replace("-", "−") if percent else "as today"


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
            return f"{seconds / size:,.0f} {unit}"
    return "1 second" if round(seconds) == 1 else f"{seconds:.0f} seconds"


def times(seconds: float, part: float) -> str:
    """How many times longer ``seconds`` is than ``part``: "26,298 times"."""
    return f"{seconds / part:,.0f} times"


def short(name: str, longest: int = LONGEST_NAME) -> str:
    """A name cut to so many letters."""
    return name if len(name) <= longest else name[: longest - 1] + "…"


def anchor(text: str) -> str:
    """An id for a page: letters, digits and dashes stay, anything else becomes its code, so that no two meet."""
    return "".join(c if c.isascii() and (c.isalnum() or c == "-") else f"_{ord(c):x}_" for c in text)


def outside(value: object) -> object:
    """Every string that a template prints passes here: names and reasons come from outside, whoever forgot to say."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return harmless(value)
    return value


def harmless(text: object) -> str:
    """Text from outside, on one line: control and direction marks shown as codes, long text cut. Not yet escaped."""
    return harmless_lines(str(text).replace("\n", " ").replace("\t", " "), LONGEST)


def harmless_lines(text: str, longest: int) -> str:
    """As :func:`harmless`, with its lines kept and so many characters at most."""
    shown = "".join(
        c if c == "\n" else " " if c == "\t" else f"\\u{ord(c):04x}" if unicodedata.category(c) in HIDDEN else c
        for c in text[: longest + 1]
    )
    return shown if len(shown) <= longest else shown[:longest] + " [cut]"


def checkpoint_words(sealed: Sealed | None) -> str:
    """The evidence checkpoint in a line: its size, its root cut to what a person compares, the log's name."""
    if sealed is None:
        return "No evidence checkpoint yet"
    size = "1 entry" if sealed.size == 1 else f"{sealed.size:,} entries"
    return f"Evidence checkpoint: {size}, root {sealed.root[:12]}…, {sealed.origin}"
