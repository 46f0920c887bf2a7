"""Whom everything rests on, and what falls with each of them."""

from __future__ import annotations

import re
from functools import partial

from starlette.responses import Response

from switchover.domain.process import Process
from switchover.errors import NotFound
from switchover.report.depending import Depending, Falling, Survival
from switchover.report.depending_text import (
    HIGH,
    OF,
    concentration_words,
    dearer_words,
    kind_of,
    order_words,
    spend_words,
    took_words,
    worst,
)
from switchover.report.flow_chart import MOST, TITLES, flow_chart, gathered
from switchover.report.graph import COLUMNS, HELD, OURSELVES, Graph, Level, Node, Weight
from switchover.report.wording import anchor

from .visit import Visit

ALL = "all"
# Whom an order reaches, and so whose loss the first lines tell.
ORDERED = (Level.PARENT, Level.JURISDICTION)


def show(visit: Visit) -> Response:
    """The graph by one weight, what it says in words, and the table behind it."""
    weight, opened = _weight(visit), _opened(visit)
    found = _depending(visit)
    graph = found.graph
    survivals = {(one.level, one.name): found.survival(one) for one in graph.nodes}
    return visit.page(
        "dependence.html",
        graph=graph,
        weight=weight,
        weights=list(Weight),
        of=OF,
        points=found.single_points(),
        orders=list(_orders(graph, survivals)),
        chart=flow_chart(
            graph,
            weight,
            kinds={place: kind_of(one) for place, one in survivals.items()},
            address=partial(_address, weight),
            opened=opened,
        ),
        levels=[_level(graph, level, weight, opened) for level in reversed(Level)],
        opened=bool(opened),
        spend_words=spend_words,
        held=HELD,
        titles=TITLES,
        survivals=survivals,
        address=partial(_address, weight),
        concentration_words=concentration_words,
        kind_of=kind_of,
        high=HIGH,
        silent=[name for name in visit.settings.processes if not found.volumes.get(name)],
    )


def show_node(visit: Visit) -> Response:
    """What falls with a node, what survives and by whom, how long that takes and what it costs. Raises NotFound."""
    found = _depending(visit)
    node = _named(found.graph, visit.parts["kind"], visit.parts["name"])
    leans = node.level in (Level.PROCESS, Level.ROUTE)
    process = _process(visit, node) if leans else None
    lines = found.falls(node) if process is None else found.leans_on(process)
    survival = found.survival(node)
    ordered = node.level in (*ORDERED, Level.PROVIDER) and not node.ours
    return visit.page(
        "dependence_node.html",
        node=node,
        title=TITLES[node.level],
        leans=leans,
        process=process,
        survival=survival,
        said=order_words(node, survival) if ordered and survival is not None else "",
        lines=lines,
        groups=_groups(lines) if leans else [],
        untouched=0 if leans else len(found.snapshot.processes) - len(lines),
        beside=_beside(found, node),
        kind_of=kind_of,
        titles=TITLES,
        weights=list(Weight),
        of=OF,
        address=partial(_address, Weight.VOLUME),
        took_words=took_words,
        dearer_words=dearer_words,
    )


def _process(visit: Visit, node: Node) -> Process | None:
    """The process that this is, or whose route it is."""
    processes = visit.settings.processes
    if node.level is Level.PROCESS:
        return processes.get(node.name)
    return next((one for one in processes.values() if node.name in (one.routes or (one.name,))), None)


def _groups(lines: list[Falling]) -> list[tuple[list[Falling], str]]:
    """Losses that do the same to a process, together; with why, without the names of what is supposed lost."""
    found: dict[tuple[str, str | None, str], list[Falling]] = {}
    for line in lines:
        why = re.sub(r"supposed lost with [^;]+", "supposed lost", line.fate.why)
        found.setdefault((line.fate.fate, line.fate.served_by, why), []).append(line)
    return [(alike, why) for (_, _, why), alike in found.items()]


def _depending(visit: Visit) -> Depending:
    settings = visit.sources.as_seen(visit.settings)
    return Depending(visit.store, settings, visit.sources.snapshot(settings, visit.store), visit.now)


def _weight(visit: Visit) -> Weight:
    asked = visit.asked.get("weight", "")
    return Weight(asked) if asked in set(Weight) else Weight.VOLUME


def _opened(visit: Visit) -> tuple[Level, ...]:
    """The columns of which every node is drawn."""
    asked = visit.asked.get("open", "")
    return COLUMNS if asked == ALL else (Level(asked),) if asked in set(Level) else ()


def _address(weight: Weight, level: Level, name: str | None) -> str | None:
    """Where a node has its page; without a name the graph with that column opened. Nobody but us orders ourselves."""
    if name is None:
        return f"/dependence?weight={weight}&open={level}#graph"
    return None if (level, name) == (Level.JURISDICTION, OURSELVES) else f"/dependence/{level}/{anchor(name)}"


def _named(graph: Graph, kind: str, name: str) -> Node:
    nodes = graph.at(Level(kind)) if kind in set(Level) else []
    found = next((one for one in nodes if anchor(one.name) == name and one.name != OURSELVES), None)
    if found is None:
        raise NotFound(f"nothing recorded or configured rests on {kind} {name!r}", mend="see the graph on /dependence")
    return found


def _orders(graph: Graph, survivals: dict[tuple[Level, str], Survival | None]) -> list[tuple[Node, str, str]]:
    """The worst order at each level: the node, how bad it is, and a sentence."""
    told = []
    for level in ORDERED:
        named = [(one, survivals[one.level, one.name]) for one in graph.at(level) if not one.ours]
        nodes = [(one, found) for one, found in named if found is not None]
        bad = worst(nodes)
        if bad is not None:
            told.append((bad[0], kind_of(bad[1]), order_words(*bad)))
    return told


def _level(graph: Graph, level: Level, weight: Weight, opened: tuple[Level, ...]) -> dict[str, object]:
    """A level's rows: the large ones, the others, and those without any of this weight."""
    nodes = graph.at(level)
    shown, others = gathered(nodes, weight, len(nodes) if level in opened else MOST)
    rest = [one for one in nodes if not one.amounts.of(weight)]
    # A host's own country controls nobody here, and can stop it all the same.
    shown += [one for one in rest if one.reach[weight]]
    unused = [one for one in rest if not one.reach[weight]]
    return {"level": level, "shown": shown, "others": others, "unused": unused}


def _beside(found: Depending, node: Node) -> list[tuple[str, Node]]:
    """What is one with an organisation: whom it controls, or who controls it."""
    if node.level not in (Level.PROVIDER, Level.PARENT):
        return []
    providers = found.snapshot.providers
    by_level = {level: {one.name: one for one in found.graph.at(level)} for level in (Level.PROVIDER, Level.PARENT)}
    if node.level is Level.PROVIDER:
        parent = providers[node.name].parent if node.name in providers else None
        return [("is controlled by", by_level[Level.PARENT][parent])] if parent in by_level[Level.PARENT] else []
    return [
        ("controls", one)
        for one in by_level[Level.PROVIDER].values()
        if one.name in providers and providers[one.name].parent == node.name
    ]
