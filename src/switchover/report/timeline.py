"""Moments of a drill in order on one axis of seconds, and how long recovery took, as inline SVG. Pure.

Places across are in percent and the drawing is not scaled, as in ``charts.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from .wording import harmless, short

ROW, FOOT = 44, 24
EDGE = 1.5  # percent of the width left free at each end, so that no mark is cut


@dataclass(frozen=True, slots=True)
class Moment:
    """What happened, so many seconds after the drill began, None: it did not. ``kind`` is plain, good, bad or open."""

    name: str
    at: float | None
    kind: str = "plain"


@dataclass(frozen=True, slots=True)
class Stretch:
    """From one moment to another, in the same seconds, drawn through the row of the moment with this name."""

    row: str
    begins: float
    ends: float
    kind: str


def timeline(moments: Sequence[Moment], stretches: Sequence[Stretch], label: str, *, missing: str = "never") -> Markup:
    """One row for each moment, on an axis that ends with the last one; ``missing`` says of one that it did not come."""
    known = [one.at for one in moments if one.at is not None]
    if not known:
        return Markup("")
    last = max([*known, 1.0])

    def x(seconds: float) -> float:
        return EDGE + min(max(seconds / last, 0.0), 1.0) * (100 - 2 * EDGE)

    base = ROW * len(moments)
    drawn = [f'<line class="axis" x1="{x(at):.2f}%" x2="{x(at):.2f}%" y1="4" y2="{base}"></line>' for at in (0.0, last)]
    for place, one in enumerate(moments):
        top, y = ROW * place, ROW * place + 30
        drawn.append(f'<text class="name" x="0" y="{top + 16}">{escape(short(harmless(one.name)))}</text>')
        said = escape(missing) if one.at is None else after(one.at)
        kind = escape(one.kind)
        drawn.append(f'<text class="word {kind}" text-anchor="end" x="100%" y="{top + 16}">{said}</text>')
        drawn.append(f'<line class="axis" x1="{EDGE}%" x2="{100 - EDGE}%" y1="{y}" y2="{y}"></line>')
        drawn += [
            f'<line class="span {escape(part.kind)}" x1="{x(part.begins):.2f}%" x2="{x(part.ends):.2f}%" y1="{y}" '
            f'y2="{y}"></line>'
            for part in stretches
            if part.row == one.name
        ]
        if one.at is not None:
            drawn.append(f'<circle class="{kind}" cx="{x(one.at):.2f}%" cy="{y}" r="5"></circle>')
    drawn.append(f'<text class="tick" x="0" y="{base + 16}">0 s</text>')
    drawn.append(f'<text class="tick" text-anchor="end" x="100%" y="{base + 16}">{escape(seconds_said(last))}</text>')
    return Markup(  # noqa: S704  # every text inside is escaped, every number formatted
        f'<svg class="intervals" width="100%" height="{base + FOOT}" role="img" aria-label="{escape(harmless(label))}">'
        f"{''.join(drawn)}</svg>"
    )


def after(seconds: float) -> str:
    """A moment after the beginning: "+0.42 s"."""
    return f"+{seconds_said(seconds)}" if seconds >= 0 else f"−{seconds_said(-seconds)}"


def seconds_said(seconds: float) -> str:
    """A length of time as exactly as it deserves: "0.42 s", "4.2 s", "3 min 20 s"."""
    if seconds >= 120:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
