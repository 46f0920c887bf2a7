"""Small drawings as inline SVG: bars, bounds against a margin. Pure; every text is escaped.

Places across are in percent and no drawing is scaled, so that letters keep their size on a telephone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from .wording import harmless, short

BAR = 14
ROW = 46


@dataclass(frozen=True, slots=True)
class Interval:
    """A candidate's difference in quality with its bounds, the margin it is held against, and its verdict in a word."""

    name: str
    mean: float | None
    lower: float
    upper: float
    margin: float
    word: str
    good: bool


def bar(parts: Sequence[tuple[float, str]], label: str) -> Markup:
    """One horizontal bar of stacked shares (0–1) with a CSS class each; ``label`` is read to those who don't see it."""
    drawn, at = [], 0.0
    for size, kind in parts:
        if size > 0:
            drawn.append(_rect(kind, at, size))
        at += size
    return drawing(BAR, label, _rect("empty", 0.0, 1.0) + "".join(drawn))


def margin_plot(rows: Sequence[Interval]) -> Markup:
    """Per candidate the interval of the difference, against minus the margin."""
    if not rows:
        return Markup("")
    low = max(-1.0, min(min(row.lower, -1.5 * row.margin) for row in rows))
    high = min(1.0, max(0.1, *(row.upper for row in rows)))

    def x(value: float) -> str:
        return f"{2 + (min(max(value, low), high) - low) / (high - low) * 96:.2f}%"

    base = ROW * len(rows)
    drawn = [f'<line class="axis" x1="{x(0)}" x2="{x(0)}" y1="22" y2="{base}"></line>']
    for i, row in enumerate(rows):
        top = ROW * i
        y, kind, limit = top + 32, "good" if row.good else "bad", x(-row.margin)
        name = escape(short(harmless(row.name)))
        drawn.append(f'<text class="name" x="0" y="{top + 16}">{name}</text>')
        drawn.append(f'<text class="word {kind}" text-anchor="end" x="100%" y="{top + 16}">{escape(row.word)}</text>')
        drawn.append(f'<line class="limit" x1="{limit}" x2="{limit}" y1="{y - 9}" y2="{y + 9}"></line>')
        drawn.append(f'<line class="{kind} span" x1="{x(row.lower)}" x2="{x(row.upper)}" y1="{y}" y2="{y}"></line>')
        if row.mean is not None:
            drawn.append(f'<circle class="{kind}" cx="{x(row.mean)}" cy="{y}" r="5"></circle>')
    drawn.append(f'<text class="tick" x="2%" y="{base + 14}">{low * 100:+.0f} points</text>'.replace("-", "−", 1))
    if low < -0.2 and high < 0.4:
        drawn.append(f'<text class="tick" text-anchor="middle" x="{x(0)}" y="{base + 14}">same</text>')
    return drawing(base + 20, "Difference in quality with its bounds, against the margin", "".join(drawn))


def _rect(kind: str, at: float, size: float) -> str:
    place = f'x="{at * 100:.2f}%" y="0" width="{size * 100:.2f}%" height="{BAR}"'
    return f'<rect class="{escape(kind)}" {place}></rect>'


def drawing(height: float, label: str, inner: str) -> Markup:
    """A drawing of this height; ``inner`` is markup in which every text is escaped, ``label`` is read aloud."""
    return Markup(  # noqa: S704  # every text inside is escaped by who drew it, every number formatted
        f'<svg width="100%" height="{height:.0f}" role="img" aria-label="{escape(label)}">{inner}</svg>'
    )
