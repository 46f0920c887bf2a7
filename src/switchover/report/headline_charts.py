"""One drawing for each of the four answers, as inline SVG. Pure; every text is escaped.

As in ``charts.py`` places across are in percent, so that letters keep their size on a telephone and on paper.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup, escape

from .charts import drawing
from .headlines import ELSEWHERE, OWN, HandRow, Headlines, LoadRow, LossRow, OptionRow
from .wording import harmless, share, short, usd_about

MOST_ROWS, MOST_HANDS = 5, 10
ROW, TWO_LINES, BAR, HAND, BREACH = 42, 58, 13, 38, 15
# So that no name meets the figure beside it on a telephone.
LONGEST_HAND, LONGEST_SAID = 22, 24


def headline_chart(found: Headlines, number: int) -> Markup:
    """The drawing of an answer (1–4); nothing where there is nothing to draw."""
    charts: dict[int, Callable[[], Markup]] = {
        1: lambda: losses_chart(found.losses),
        2: lambda: hands_chart(found.hands),
        3: lambda: options_chart(found.options, found.months or 0),
        4: lambda: loads_chart(found.loads),
    }
    return charts[number]()


def losses_chart(rows: Sequence[LossRow]) -> Markup:
    """Per loss how much goes on: shown, proven but untested, and lost."""
    drawn = []
    for i, row in enumerate(rows[:MOST_ROWS]):
        shown, proven = row.shown or 0.0, max(row.proven or 0.0, row.shown or 0.0)
        lost = 0.0 if row.shown is None else 1 - proven
        name = f"without {row.kind} {short(harmless(row.name), LONGEST_SAID)}"
        parts = [(shown, "good"), (proven - shown, "open"), (lost, "bad")]
        drawn.append(_bar(ROW * i, name, f"{share(row.shown)}{', lost now' if row.happened else ''}", parts))
    label = "; ".join(f"without {row.kind} {harmless(row.name)} {share(row.shown)} goes on" for row in rows[:MOST_ROWS])
    return _chart(drawn, len(rows) - MOST_ROWS, ROW, label)


def hands_chart(rows: Sequence[HandRow]) -> Markup:
    """Per process that is to be kept in hand a tile: filled where its replacement runs on an own machine."""
    drawn = []
    each = HAND + (BREACH if any(row.breaches for row in rows[:MOST_HANDS]) else 0)
    for i, row in enumerate(rows[:MOST_HANDS]):
        x, top = 50 * (i % 2), each * (i // 2)
        kind = "good" if row.way == OWN else "open" if row.way == ELSEWHERE else "bad"
        drawn.append(f'<rect class="{kind}" x="{x}%" y="{top + 3}" width="14" height="14"></rect>')
        if kind != "good":
            # Half a tile is left open, a whole one for what nothing stands in for: told without its colour, too.
            hole = 'width="10" height="5"' if kind == "open" else 'width="10" height="10"'
            drawn.append(f'<rect class="hole" x="{x}%" y="{top + 5}" {hole} transform="translate(2)"></rect>')
        name = escape(short(harmless(row.process), LONGEST_HAND))
        drawn.append(f'<text class="name" x="{x}%" dx="22" y="{top + 14}">{name}</text>')
        drawn.append(f'<text class="{kind if kind != "open" else ""}" x="{x}%" dx="22" y="{top + 29}">{row.way}</text>')
        if row.breaches:
            broken = f"{row.breaches:,} broke the policy"
            drawn.append(f'<text class="bad" x="{x}%" dx="22" y="{top + 29 + BREACH}">{broken}</text>')
    label = "; ".join(f"{harmless(row.process)}: {row.way}" for row in rows[:MOST_HANDS])
    lines = ["".join(drawn)] if drawn else []
    height = each * ((min(len(rows), MOST_HANDS) + 1) // 2)
    return _chart(lines, len(rows) - MOST_HANDS, height, label)


def options_chart(rows: Sequence[OptionRow], months: int) -> Markup:
    """Per option its range from P10 to P90 with P50 marked, on one axis from nothing."""
    ordered = sorted(rows, key=lambda row: (not row.stays, not row.saves))
    most = max((row.high for row in ordered[:MOST_ROWS]), default=0.0) or 1.0
    drawn = []
    for i, row in enumerate(ordered[:MOST_ROWS]):
        top, kind = TWO_LINES * i, "range now" if row.stays else "range" if row.saves else "range pale"
        name = short(harmless(row.name), LONGEST_SAID)
        state = "as it is" if row.stays else "proven" if row.saves else "unproven"
        ends = f"{usd_about(row.low)} to {usd_about(row.high)}"
        low, middle, high = (f"{value / most * 99:.2f}" for value in (row.low, row.middle, row.high))
        drawn.append(
            f'<text class="name" x="0" y="{top + 14}">{escape(name)}</text>'
            f'<text class="figures" text-anchor="end" x="100%" y="{top + 14}">{usd_about(row.middle)}</text>'
            f'<text x="0" y="{top + 30}">{state}</text>'
            f'<text text-anchor="end" x="100%" y="{top + 30}">{ends}</text>'
            f'<rect class="empty" x="0" y="{top + 36}" width="100%" height="{BAR}"></rect>'
            f'<rect class="{kind}" x="{low}%" y="{top + 36}" width="{float(high) - float(low):.2f}%" height="{BAR}">'
            f'</rect><line class="middle" x1="{middle}%" x2="{middle}%" y1="{top + 34}" y2="{top + 51}"></line>'
        )
    label = "; ".join(f"{harmless(row.name)}: {usd_about(row.middle)}" for row in ordered[:MOST_ROWS])
    return _chart(drawn, len(rows) - MOST_ROWS, TWO_LINES, f"Costs over {months} months. {label}")


def loads_chart(rows: Sequence[LoadRow]) -> Markup:
    """Per critical process how much of its busiest minute an own machine carries."""
    drawn = []
    for i, row in enumerate(rows[:MOST_ROWS]):
        part = min(row.share or 0.0, 1.0)
        kind = "good" if row.ready and part >= 1 else "open" if row.ready else "bad"
        if row.share is None:
            said = "not measured"
        else:
            said = share(row.share) if row.ready else f"{share(row.share)}, not proven"
        drawn.append(_bar(ROW * i, short(harmless(row.process), LONGEST_SAID), said, [(part, kind)]))
    label = "; ".join(f"{harmless(row.process)}: {share(row.share)}" for row in rows[:MOST_ROWS])
    return _chart(drawn, len(rows) - MOST_ROWS, ROW, f"Share of the busiest minute that is carried. {label}")


def _bar(top: int, name: str, said: str, parts: Sequence[tuple[float, str]]) -> str:
    drawn, at = [], 0.0
    for size, kind in [(1.0, "empty"), *parts]:
        begin = 0.0 if kind == "empty" else at
        if size > 0:
            place = f'x="{begin * 100:.2f}%" y="{top + 20}" width="{size * 100:.2f}%" height="{BAR}"'
            drawn.append(f'<rect class="{kind}" {place}></rect>')
        at = at if kind == "empty" else at + size
    return (
        f'<text class="name" x="0" y="{top + 14}">{escape(name)}</text>'
        f'<text class="figures" text-anchor="end" x="100%" y="{top + 14}">{escape(said)}</text>{"".join(drawn)}'
    )


def _chart(rows: Sequence[str], more: int, high: int, label: str) -> Markup:
    """The rows, and how many are left out of them."""
    if not rows:
        return Markup("")
    base = high * len(rows)
    told = f'<text x="0" y="{base + 12}">and {more} more, in the evidence</text>' if more > 0 else ""
    return drawing(base + (18 if more > 0 else 0), label, "".join(rows) + told)
