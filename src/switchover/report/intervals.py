"""Differences in quality with their bounds on one axis in points of 100, against what is accepted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup, escape

from .charts import Interval
from .wording import harmless

ROW, TOP, FOOT = 50, 22, 24
# Ends of the axis, in points: the first that holds every bound.
ENDS = (5, 10, 20, 30, 50, 100)
EDGE = 1.5  # percent of the width left free at each end, so that no mark is cut


def interval_plot(rows: Sequence[Interval], label: str) -> Markup:
    """Each row's interval in the part of the axis that is accepted: the whole line has to lie within it."""
    if not rows:
        return Markup("")
    low = -_end(max(max(-row.lower, 1.4 * row.margin) for row in rows))
    high = _end(max(0.02, *(row.upper for row in rows)))

    def x(points: float) -> float:
        return EDGE + (min(max(points, low), high) - low) / (high - low) * (100 - 2 * EDGE)

    base = TOP + ROW * len(rows)
    drawn = [
        f'<line class="axis" x1="{x(tick):.2f}%" x2="{x(tick):.2f}%" y1="{TOP}" y2="{base}"></line>'
        for tick in (low, 0, high)
    ]
    drawn.append('<text class="tick" x="0" y="13">← worse</text>')
    drawn.append('<text class="tick" text-anchor="end" x="100%" y="13">better →</text>')
    for place, row in enumerate(rows):
        drawn += _row(row, TOP + ROW * place, x)
    drawn.append(f'<text class="tick" x="0" y="{base + 16}">−{-low:g} points</text>')
    drawn.append(f'<text class="tick" text-anchor="middle" x="{x(0):.2f}%" y="{base + 16}">same</text>')
    if x(0) < 80:
        drawn.append(f'<text class="tick" text-anchor="end" x="100%" y="{base + 16}">+{high:g}</text>')
    return Markup(  # noqa: S704  # every text inside is escaped, every number formatted
        f'<svg class="intervals" width="100%" height="{base + FOOT}" role="img" aria-label="{escape(harmless(label))}">'
        f"{''.join(drawn)}</svg>"
    )


def _row(row: Interval, top: int, at: Callable[[float], float]) -> list[str]:
    y, kind = top + 34, _kind(row)
    limit = at(-row.margin * 100)
    drawn = [
        f'<rect class="accepted" x="{limit:.2f}%" width="{100 - EDGE - limit:.2f}%" y="{y - 9}" height="18"></rect>',
        f'<line class="limit" x1="{limit:.2f}%" x2="{limit:.2f}%" y1="{y - 11}" y2="{y + 11}"></line>',
        f'<text class="name" x="0" y="{top + 18}">{escape(_short(harmless(row.name)))}</text>',
        f'<text class="word {kind}" text-anchor="end" x="100%" y="{top + 18}">{escape(row.word)}</text>',
        f'<line class="{kind} span" x1="{at(row.lower * 100):.2f}%" x2="{at(row.upper * 100):.2f}%" y1="{y}" '
        f'y2="{y}"></line>',
    ]
    if row.mean is not None:
        drawn.append(f'<circle class="{kind}" cx="{at(row.mean * 100):.2f}%" cy="{y}" r="5"></circle>')
    return drawn


def _kind(row: Interval) -> str:
    """Good, bad where all of it lies beyond the margin, or else open."""
    return "good" if row.good else "bad" if row.upper <= -row.margin else "open"


def _end(value: float) -> int:
    """The end of the axis for a value of 0–1."""
    return next((end for end in ENDS if value * 100 <= end), ENDS[-1])


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:39]}…"
