"""The graph of dependence as inline SVG: a column for each level, bands as wide as what flows. Pure, all escaped.

Places across are in percent and letters are not scaled, as in ``charts.py``; only the bands are stretched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from markupsafe import Markup, escape

from .graph import COLUMNS, Graph, Level, Node, Weight
from .wording import harmless, share

# A column's nodes beyond these are drawn as one, unless it is opened.
MOST = 8
BARS, TOP = 360.0, 34.0
# The least room of a node, for two lines of letters and for one, and what keeps nodes apart.
ROOMY, TIGHT, CROWD = (34.0, 10.0), (19.0, 4.0), 12
WIDE, BAR = 100 / len(COLUMNS), 0.9

TITLES: Mapping[Level, str] = {
    Level.PROCESS: "Process",
    Level.ROUTE: "Route",
    Level.UPSTREAM: "Upstream",
    Level.DEVELOPER: "Developer",
    Level.PROVENANCE: "Provenance",
    Level.PROVIDER: "Provider",
    Level.PARENT: "Parent",
    Level.JURISDICTION: "Jurisdiction",
}
Place = tuple[Level, str]
# Where a node, or with None the opened column of a level, has its page.
Address = Callable[[Level, str | None], str | None]


@dataclass(slots=True)
class Box:
    """A drawn node: what it holds, where, and how far its bands have got on either side."""

    level: Level
    name: str
    size: float
    home: str | None = None
    kind: str = ""
    others: int = 0
    y: float = 0.0
    high: float = 0.0
    two_lines: bool = True
    left: float = field(default=0.0)
    right: float = field(default=0.0)


def flow_chart(
    graph: Graph,
    weight: Weight,
    *,
    kinds: Mapping[Place, str] | None = None,
    address: Address | None = None,
    opened: Iterable[Level] = (),
) -> Markup:
    """The whole graph by one weight; nothing where nothing is recorded by it.

    ``kinds`` are CSS classes of nodes, ``opened`` the levels of which every node is drawn.
    """
    if not graph.totals.of(weight):
        return Markup("")
    columns, merged = _columns(graph, weight, kinds or {}, frozenset(opened))
    flows = _flows(graph, weight, merged)
    _order(columns, flows)
    high = max(_place(column) for column in columns)
    boxes = {(box.level, box.name): box for column in columns for box in column}
    bands = "".join(_band(boxes[left], boxes[right], size, high) for left, right, size in _stacked(flows, boxes))
    heads = "".join(
        f'<text class="head" x="{_x(number):.2f}%" y="14">{TITLES[level]}</text>'
        for number, level in enumerate(COLUMNS)
    )
    nodes = "".join(_drawn(box, address) for column in columns for box in column)
    label = f"What rests on whom, by {weight}: {len(COLUMNS)} columns from processes to jurisdictions"
    return Markup(  # noqa: S704  # every text inside is escaped, every number formatted
        f'<svg class="flow" width="100%" height="{high + 6:.0f}" role="group" aria-label="{escape(label)}">'
        f"{heads}{bands}{nodes}</svg>"
    )


def gathered(nodes: Sequence[Node], weight: Weight, most: int = MOST) -> tuple[list[Node], list[Node]]:
    """The nodes of a level that have any of this weight, largest first, and of them those that are drawn as one."""
    ranked = sorted(
        (one for one in nodes if one.amounts.of(weight)), key=lambda one: (-one.amounts.of(weight), one.name)
    )
    # Two that are gathered take the room of one: a single one is drawn.
    return (ranked, []) if len(ranked) <= most + 1 else (ranked[:most], ranked[most:])


def _columns(
    graph: Graph, weight: Weight, kinds: Mapping[Place, str], opened: frozenset[Level]
) -> tuple[list[list[Box]], dict[Place, Place]]:
    """The boxes of each column, and for what is gathered in which box."""
    columns, merged = [], {}
    for level in COLUMNS:
        most = len(graph.nodes) if level in opened else MOST
        shown, others = gathered(graph.at(level), weight, most)
        column = [
            Box(level, one.name, one.shares[weight] or 0.0, one.home, kinds.get((level, one.name), "")) for one in shown
        ]
        if others:
            # No configured name begins with a space.
            name = f" {len(others)} others"
            size = sum(one.shares[weight] or 0.0 for one in others)
            column.append(Box(level, name, size, kind="others", others=len(others)))
            merged.update({(level, one.name): (level, name) for one in others})
        columns.append(column)
    return columns, merged


def _flows(graph: Graph, weight: Weight, merged: Mapping[Place, Place]) -> dict[tuple[Place, Place], float]:
    total, found = graph.totals.of(weight), defaultdict[tuple[Place, Place], float](float)
    for link in graph.links:
        if link.amounts.of(weight):
            ends = merged.get(link.left, link.left), merged.get(link.right, link.right)
            found[ends] += float(link.amounts.of(weight) / total)
    return found


def _order(columns: Sequence[list[Box]], flows: Mapping[tuple[Place, Place], float]) -> None:
    """Puts each column's boxes where most of what they get comes from, so that few bands cross; gathered ones last."""
    for before, column in pairwise(columns):
        at = {(box.level, box.name): place for place, box in enumerate(before)}
        middle: defaultdict[Place, float] = defaultdict(float)
        for (left, right), size in flows.items():
            if left in at:
                middle[right] += at[left] * size
        column.sort(key=lambda box: (box.others, round(middle[box.level, box.name] / box.size, 3), -box.size))


def _place(column: Sequence[Box]) -> float:
    """Gives each box its height and place; returns where the column ends."""
    least, apart = ROOMY if len(column) <= CROWD else TIGHT
    y = TOP
    for box in column:
        box.y, box.high = y, max(box.size * BARS, 2.0)
        box.two_lines = max(box.high, least) >= ROOMY[0]
        y += max(box.high, least) + apart
    return y


def _stacked(
    flows: Mapping[tuple[Place, Place], float], boxes: Mapping[Place, Box]
) -> list[tuple[Place, Place, float]]:
    """The bands from top to bottom, so that those of one box lie in the order of where they lead."""
    return sorted(
        ((left, right, size) for (left, right), size in flows.items()),
        key=lambda one: (boxes[one[0]].y, boxes[one[1]].y),
    )


def _band(left: Box, right: Box, size: float, high: float) -> str:
    column = COLUMNS.index(left.level)
    thick = max(size * BARS, 0.75)
    y0, y1 = left.y + left.right, right.y + right.left
    left.right, right.left = left.right + size * BARS, right.left + size * BARS
    path = (
        f"M0,{y0:.1f} C50,{y0:.1f} 50,{y1:.1f} 100,{y1:.1f} L100,{y1 + thick:.1f} "
        f"C50,{y1 + thick:.1f} 50,{y0 + thick:.1f} 0,{y0 + thick:.1f} Z"
    )
    at, wide = _x(column) + BAR, WIDE - BAR
    return (
        f'<svg x="{at:.2f}%" width="{wide:.2f}%" height="{high:.0f}" viewBox="0 0 100 {high:.0f}" '
        f'preserveAspectRatio="none"><path class="band" d="{path}"></path></svg>'
    )


def _drawn(box: Box, address: Address | None) -> str:
    at = _x(COLUMNS.index(box.level))
    name = escape(harmless(box.name.strip()))
    home = f" · {escape(harmless(box.home))}" if box.home else ""
    part = share(box.size)
    lines = (
        f'<text class="name" x="0" y="12">{name}{home}</text><text x="0" y="27">{part}</text>'
        if box.two_lines
        else f'<text class="name" x="0" y="12">{name} <tspan>{part}</tspan></text>'
    )
    drawn = (
        f'<rect class="node {escape(box.kind)}" x="{at:.2f}%" y="{box.y:.1f}" width="{BAR}%" height="{box.high:.1f}">'
        f"<title>{name}{home}: {part}</title></rect>"
        f'<svg x="{at + BAR + 0.35:.2f}%" y="{box.y - 2:.1f}" width="{WIDE - BAR - 0.5:.2f}%" height="34">{lines}</svg>'
    )
    there = address(box.level, None if box.others else box.name) if address else None
    return drawn if there is None else f'<a href="{escape(there)}" aria-label="{name}{home}: {part}">{drawn}</a>'


def _x(column: int) -> float:
    return column * WIDE
