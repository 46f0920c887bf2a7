"""Small drawings as inline SVG: bars, bounds against a margin, spend lines. Pure; every text is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from markupsafe import Markup, escape

from .wording import harmless, usd

WIDTH = 640


def bar(parts: Sequence[tuple[float, str]], label: str) -> Markup:
    """One horizontal bar of stacked shares (0–1) with a CSS class each; ``label`` is read to those who don't see it."""
    drawn, at = [], 0.0
    for size, kind in parts:
        drawn.append(
            f'<rect class="{escape(kind)}" x="{at * WIDTH:.1f}" y="0" width="{size * WIDTH:.1f}" height="18"></rect>'
        )
        at += size
    return _svg(18, label, f'<rect class="empty" x="0" y="0" width="{WIDTH}" height="18"></rect>' + "".join(drawn))


def margin_plot(rows: Sequence[tuple[str, float | None, float, float, float, bool]]) -> Markup:
    """Per row (name, mean, lower, upper, margin, ready): the interval of the difference, against minus the margin."""
    if not rows:
        return Markup("")
    low = min(-1.2 * max(row[4] for row in rows), min((row[1] or 0) for row in rows) - 0.1, -0.3)
    high = 0.25
    left, right, step = 190, WIDTH - 10, 34

    def x(value: float) -> float:
        return left + (min(max(value, low), high) - low) / (high - low) * (right - left)

    drawn = [f'<line class="axis" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="0" y2="{step * len(rows)}"></line>']
    for i, (name, mean, lower, upper, margin, ready) in enumerate(rows):
        y = step * i + step / 2
        kind = "good" if ready else "bad"
        drawn.append(f'<text class="name" x="0" y="{y + 4:.1f}">{escape(harmless(name)[:30])}</text>')
        drawn.append(
            f'<line class="limit" x1="{x(-margin):.1f}" x2="{x(-margin):.1f}" y1="{y - 12}" y2="{y + 12}"></line>'
        )
        drawn.append(f'<line class="{kind} span" x1="{x(lower):.1f}" x2="{x(upper):.1f}" y1="{y}" y2="{y}"></line>')
        if mean is not None:
            drawn.append(f'<circle class="{kind}" cx="{x(mean):.1f}" cy="{y}" r="5"></circle>')
    base = step * len(rows) + 16
    for tick in (-0.75, -0.5, -0.25, 0.0, 0.25):
        if low <= tick <= high:
            text = "same" if tick == 0 else f"{tick * 100:+.0f} points"
            anchor = "end" if tick == high else "middle"
            drawn.append(f'<text class="tick" text-anchor="{anchor}" x="{x(tick):.1f}" y="{base}">{text}</text>')
    return _svg(base + 6, "Difference in quality with its bounds, against the margin", "".join(drawn))


def spend_lines(scenarios: Mapping[int, Sequence[Decimal]]) -> Markup:
    """Cumulative spend per month for each change of price, labelled at its end."""
    if not scenarios:
        return Markup("")
    top = max(float(line[-1]) for line in scenarios.values()) or 1.0
    left, right, height = 10, WIDTH - 150, 190
    drawn = [f'<line class="axis" x1="{left}" x2="{right}" y1="{height}" y2="{height}"></line>']
    for change, line in sorted(scenarios.items()):
        points = [(0.0, 0.0), *((month, float(amount)) for month, amount in enumerate(line, 1))]
        path = " ".join(
            f"{left + month / len(line) * (right - left):.1f},{height - amount / top * (height - 16):.1f}"
            for month, amount in points
        )
        end = height - float(line[-1]) / top * (height - 16)
        kind = "line now" if change == 0 else "line"
        drawn.append(f'<polyline class="{kind}" points="{path}"></polyline>')
        drawn.append(f'<text class="end" x="{right + 8}" y="{end + 4:.1f}">{change:+d} %: {usd(line[-1])}</text>')
    drawn.append(f'<text class="tick" x="{left}" y="{height + 16}">now</text>')
    drawn.append(f'<text class="tick" text-anchor="end" x="{right}" y="{height + 16}">24 months</text>')
    return _svg(height + 20, "Cumulative spend over 24 months under four changes of price", "".join(drawn))


def _svg(height: float, label: str, inner: str) -> Markup:
    return Markup(  # noqa: S704  # every text inside is escaped above, every number formatted
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(label)}">{inner}</svg>'
    )
