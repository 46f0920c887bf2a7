"""Drawings of a projection as inline SVG: a fan of months, swings of assumptions, costs by volume. Pure, all escaped.

As in ``charts.py`` places across are in percent, so that letters keep their size on a telephone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal

from markupsafe import Markup, escape

from switchover.costs.outlook import Band, Swing
from switchover.domain.figures import figure

from .charts import drawing
from .wording import change, harmless, short, usd

FAN_HIGH, LINES_HIGH, SWING_ROW, SWING_BAR = 120, 220, 62, 12
# The plot leaves room for the labels at its right.
WIDE, LINES_WIDE = 72, 66
LABEL_APART = 16.0
MOST_SWINGS = 8
# Room at the left for the change, at the right for the longest amount.
CHANGE_ROW, CHANGE_LEFT, CHANGE_WIDE = 24, 16, 62
DECADES = (0.01, 1.0, 100.0, 10_000.0)


def fan(band: Band, stay: Sequence[Decimal], label: str, *, monthly: bool = False) -> Markup:
    """What an option costs up to each month: P10 to P90 as an area, P50 as a line, beside the P50 of staying.

    ``monthly``: the amounts are those of each month by itself, and not added up.
    """
    high, months = float(max(*band.p90, *stay)) or 1.0, len(band.p50)

    def points(line: Sequence[Decimal]) -> list[str]:
        first = float(line[0]) if monthly else 0.0
        places = [(0.0, first), *((month, float(amount)) for month, amount in enumerate(line, 1))]
        return [f"{m / months * 100:.2f},{FAN_HIGH - a / high * (FAN_HIGH - 12):.2f}" for m, a in places]

    def line(kind: str, amounts: Sequence[Decimal]) -> str:
        return f'<polyline class="{kind}" points="{" ".join(points(amounts))}"></polyline>'

    area = " ".join([*points(band.p90), *reversed(points(band.p10))])
    drawn = f'<polygon class="fan" points="{area}"></polygon>' + line("line now", band.p50)
    ends = [(float(amount), name, usd(amount)) for name, amount in zip(("P10", "P50", "P90"), band.ends, strict=True)]
    if stay is not band.p50:
        drawn += line("line pale", stay)
        ends.append((float(stay[-1]), "stay", usd(stay[-1])))
    texts = "".join(
        f'<text class="end{" now" if name == "P50" else ""}" x="{WIDE + 2}%" y="{y + 4:.1f}">{name} {said}</text>'
        for y, name, said in _apart(ends, lambda amount: FAN_HIGH - amount / high * (FAN_HIGH - 12), FAN_HIGH)
    )
    axis = _axis(WIDE, FAN_HIGH, "now", f"{months} months")
    return drawing(FAN_HIGH + 22, label, _plot(drawn, WIDE, FAN_HIGH) + axis + texts)


def swings(rows: Sequence[Swing], middle: Decimal) -> Markup:
    """The median of what is saved with each assumption at either end of its range, against ``middle``."""
    shown = rows[:MOST_SWINGS]
    if not shown:
        return Markup("")
    ends = [float(end) for row in shown for end in (row.at_low, row.at_high)] + [float(middle)]
    low, high = min(ends), max(ends)
    width = (high - low) or 1.0

    def x(value: float) -> str:
        return f"{1 + (value - low) / width * 98:.2f}%"

    base, at = SWING_ROW * len(shown), x(float(middle))
    drawn = []
    for i, row in enumerate(shown):
        top, (a, b) = SWING_ROW * i, sorted((float(row.at_low), float(row.at_high)))
        ends_said = f"{figure(row.low)} → {usd(row.at_low)}; {figure(row.high)} → {usd(row.at_high)}"
        drawn.append(f'<text class="name" x="0" y="{top + 14}">{escape(short(harmless(row.name), 46))}</text>')
        drawn.append(f'<text x="0" y="{top + 29}">{escape(ends_said)}</text>')
        place = f'x="{x(a)}" y="{top + 36}" width="{(b - a) / width * 98:.2f}%" height="{SWING_BAR}"'
        drawn.append(f'<rect class="swing" {place}></rect>')
        drawn.append(f'<line class="limit" x1="{at}" x2="{at}" y1="{top + 33}" y2="{top + 51}"></line>')
    anchor = "start" if float(middle) - low < width / 3 else "end" if high - float(middle) < width / 3 else "middle"
    drawn.append(f'<text class="tick" text-anchor="{anchor}" x="{at}" y="{base + 6}">P50 {usd(middle)}</text>')
    return drawing(base + 12, "What is saved, with each assumption at either end of its range", "".join(drawn))


def changes(rows: Mapping[int, Decimal]) -> Markup:
    """What staying costs after each change of price (percent), as bars; that of no change is marked on each."""
    if not rows:
        return Markup("")
    high = float(max(rows.values())) or 1.0
    drawn = []
    for i, (by, amount) in enumerate(sorted(rows.items())):
        top, kind = CHANGE_ROW * i, "swing" if by else "swing today"
        wide = max(float(amount), 0.0) / high * CHANGE_WIDE
        drawn.append(f'<text class="name" x="0" y="{top + 14}">{change(by)}</text>')
        drawn.append(f'<rect class="{kind}" x="{CHANGE_LEFT}%" y="{top + 3}" width="{wide:.2f}%" height="14"></rect>')
        drawn.append(f'<text x="{CHANGE_LEFT + wide + 1:.2f}%" y="{top + 14}">{usd(amount)}</text>')
    if (now := rows.get(0)) is not None:
        at = f"{CHANGE_LEFT + float(now) / high * CHANGE_WIDE:.2f}%"
        base = CHANGE_ROW * len(rows)
        drawn.append(f'<line class="limit" x1="{at}" x2="{at}" y1="0" y2="{base - 4}"></line>')
    return drawing(CHANGE_ROW * len(rows), "What staying costs after one change of price", "".join(drawn))


def lines_by_volume(
    volumes: Sequence[float], by_option: Mapping[str, Sequence[float]], pale: Collection[str], months: int
) -> Markup:
    """What each option costs against the volume, both as powers of ten; options in ``pale`` are drawn pale."""
    if not by_option:
        return Markup("")
    least = min(max(line[0], 0.01) for line in by_option.values())
    most = max(line[-1] for line in by_option.values())
    low, span = math.log10(least), (math.log10(most) - math.log10(least)) or 1.0
    left, wide = math.log10(volumes[0]), math.log10(volumes[-1]) - math.log10(volumes[0])

    def y(amount: float) -> float:
        return LINES_HIGH - (math.log10(max(amount, least)) - low) / span * (LINES_HIGH - 12)

    curves, ends = [], []
    for name, line in by_option.items():
        path = " ".join(
            f"{(math.log10(v) - left) / wide * 100:.2f},{y(a):.2f}" for v, a in zip(volumes, line, strict=True)
        )
        kind = "line now" if name == "stay" else "line pale" if name in pale else "line other"
        curves.append(f'<polyline class="{kind}" points="{path}"></polyline>')
        ends.append((line[-1], kind.replace("line", "end"), short(harmless(name), 24)))
    texts = "".join(
        f'<text class="{kind}" x="{LINES_WIDE + 2}%" y="{at + 4:.1f}">{escape(name)}</text>'
        for at, kind, name in _apart(ends, y, LINES_HIGH)
    )
    ticks = "".join(_tick(decade, left, wide) for decade in DECADES if volumes[0] <= decade <= volumes[-1])
    label = f"Cost over {months} months against the volume, with nothing else changed"
    frame = f'<line class="axis" x1="0" x2="{LINES_WIDE}%" y1="{LINES_HIGH}" y2="{LINES_HIGH}"></line>'
    return drawing(LINES_HIGH + 22, label, _plot("".join(curves), LINES_WIDE, LINES_HIGH) + frame + ticks + texts)


def _tick(volume: float, left: float, wide: float) -> str:
    share = (math.log10(volume) - left) / wide
    at, anchor = f"{share * LINES_WIDE:.2f}%", "start" if share < 0.05 else "end" if share > 0.95 else "middle"
    said = "today" if volume == 1 else f"{volume:,g}×" if volume < 1 else f"{volume:,.0f}×"
    today = f'<line class="axis" x1="{at}" x2="{at}" y1="0" y2="{LINES_HIGH}"></line>' if volume == 1 else ""
    return f'{today}<text class="tick" text-anchor="{anchor}" x="{at}" y="{LINES_HIGH + 16}">{said}</text>'


def _apart(
    ends: Sequence[tuple[float, str, str]], y: Callable[[float], float], high: float
) -> list[tuple[float, str, str]]:
    """Labels at the heights of their amounts, highest amount first, kept apart even where lines end close together."""
    found, lowest = [], -math.inf
    for amount, kind, said in sorted(ends, key=lambda one: -one[0]):
        lowest = max(y(amount), lowest + LABEL_APART)
        found.append((lowest, kind, said))
    # What was pushed below the plot moves up again, with all that is too close above it.
    limit = float(high)
    for position in range(len(found) - 1, -1, -1):
        at, kind, said = found[position]
        found[position] = (min(at, limit), kind, said)
        limit = found[position][0] - LABEL_APART
    return found


def _plot(inner: str, wide: int, high: int) -> str:
    return f'<svg width="{wide}%" height="{high}" viewBox="0 0 100 {high}" preserveAspectRatio="none">{inner}</svg>'


def _axis(wide: int, high: int, first: str, last: str) -> str:
    return (
        f'<line class="axis" x1="0" x2="{wide}%" y1="{high}" y2="{high}"></line>'
        f'<text class="tick" x="0" y="{high + 16}">{first}</text>'
        f'<text class="tick" text-anchor="end" x="{wide}%" y="{high + 16}">{last}</text>'
    )
