"""Small drawings as inline SVG: bars, bounds against a margin, spend lines. Pure; every text is escaped.

Places across are in percent and no drawing is scaled, so that letters keep their size on a telephone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup, escape

from .wording import change as percent
from .wording import harmless, usd

BAR = 14
ROW = 46
LINES_HIGH = 180
LINES_WIDE = 56
LABEL_APART = 16.0
LONGEST_NAME = 34


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
    return _svg(BAR, label, _rect("empty", 0.0, 1.0) + "".join(drawn))


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
        name = escape(_short(harmless(row.name)))
        drawn.append(f'<text class="name" x="0" y="{top + 16}">{name}</text>')
        drawn.append(f'<text class="word {kind}" text-anchor="end" x="100%" y="{top + 16}">{escape(row.word)}</text>')
        drawn.append(f'<line class="limit" x1="{limit}" x2="{limit}" y1="{y - 9}" y2="{y + 9}"></line>')
        drawn.append(f'<line class="{kind} span" x1="{x(row.lower)}" x2="{x(row.upper)}" y1="{y}" y2="{y}"></line>')
        if row.mean is not None:
            drawn.append(f'<circle class="{kind}" cx="{x(row.mean)}" cy="{y}" r="5"></circle>')
    drawn.append(f'<text class="tick" x="2%" y="{base + 14}">{low * 100:+.0f} points</text>'.replace("-", "−", 1))
    if low < -0.2 and high < 0.4:
        drawn.append(f'<text class="tick" text-anchor="middle" x="{x(0)}" y="{base + 14}">same</text>')
    return _svg(base + 20, "Difference in quality with its bounds, against the margin", "".join(drawn))


def spend_lines(scenarios: Mapping[int, Sequence[Decimal]]) -> Markup:
    """Cumulative spend per month for each change of price, labelled at its end."""
    if not scenarios:
        return Markup("")
    top = max(float(line[-1]) for line in scenarios.values()) or 1.0
    inner = LINES_HIGH - 16
    curves, labels, lowest = [], [], LINES_HIGH + LABEL_APART
    for change, line in sorted(scenarios.items()):
        points = [(0.0, 0.0), *((month, float(amount)) for month, amount in enumerate(line, 1))]
        path = " ".join(f"{m / len(line) * 100:.2f},{LINES_HIGH - a / top * inner:.2f}" for m, a in points)
        kind = "line now" if change == 0 else "line"
        curves.append(f'<polyline class="{kind}" points="{path}"></polyline>')
        # Labels keep their distance even where lines end close together.
        lowest = min(LINES_HIGH - float(line[-1]) / top * inner, lowest - LABEL_APART)
        kind = "end now" if change == 0 else "end"
        labels.append(
            f'<text class="{kind}" x="{LINES_WIDE + 2}%" y="{lowest + 4:.1f}">{percent(change)}: {usd(line[-1])}</text>'
        )
    plot = (
        f'<svg width="{LINES_WIDE}%" height="{LINES_HIGH}" viewBox="0 0 100 {LINES_HIGH}" preserveAspectRatio="none">'
        + "".join(curves)
        + "</svg>"
    )
    axis = (
        f'<line class="axis" x1="0" x2="{LINES_WIDE}%" y1="{LINES_HIGH}" y2="{LINES_HIGH}"></line>'
        f'<text class="tick" x="0" y="{LINES_HIGH + 16}">now</text>'
        f'<text class="tick" text-anchor="end" x="{LINES_WIDE}%" y="{LINES_HIGH + 16}">24 months</text>'
    )
    label = "Spend added up over 24 months at the recorded rate, under four changes of price"
    return _svg(LINES_HIGH + 22, label, axis + plot + "".join(labels))


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _rect(kind: str, at: float, size: float) -> str:
    place = f'x="{at * 100:.2f}%" y="0" width="{size * 100:.2f}%" height="{BAR}"'
    return f'<rect class="{escape(kind)}" {place}></rect>'


def _svg(height: float, label: str, inner: str) -> Markup:
    return Markup(  # noqa: S704  # every text inside is escaped above, every number formatted
        f'<svg width="100%" height="{height:.0f}" role="img" aria-label="{escape(label)}">{inner}</svg>'
    )
