"""Traffic → whom it rests on: process → route → upstream → developer, and its host → parent → jurisdiction. Pure.

Who made a model and who can be ordered to stop it are two things. The developer and its home (provenance) say where a
model comes from; the host, who controls it and their homes say whom an order reaches. Own machines answer to nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from switchover.domain import placement
from switchover.domain.cut_off import Target, TargetKind
from switchover.domain.jurisdiction import EU
from switchover.domain.process import Criticality, UpstreamSpec
from switchover.domain.register import Snapshot

# Whose order stops what runs on our own machine.
OURSELVES = "ourselves"
UNKNOWN = "unknown"


class Level(StrEnum):
    """What a node is. A provider is a host, by the name of its contract; the parent is who controls it, or itself.

    A jurisdiction is the home of whoever is in control; provenance is the home of a developer.
    """

    PROCESS = "process"
    ROUTE = "route"
    UPSTREAM = "upstream"
    DEVELOPER = "developer"
    PROVENANCE = "provenance"
    PROVIDER = "provider"
    PARENT = "parent"
    JURISDICTION = "jurisdiction"


class Weight(StrEnum):
    """By what a dependence is weighed: answers, what they cost, or answers to critical processes."""

    VOLUME = "volume"
    SPEND = "spend"
    CRITICALITY = "criticality"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """``answers`` of an upstream to a process by one of its routes, and the ``spent`` on them, in USD.

    ``unpriced`` of them have no price: no spend is known of these.
    """

    process: str
    route: str
    upstream: str
    answers: int
    spent: Decimal = Decimal(0)
    unpriced: int = 0


@dataclass(slots=True)
class Amounts:
    """How much rests on something; ``spend`` is in USD, without that of the ``unpriced``; the others count answers."""

    volume: int = 0
    spend: Decimal = field(default_factory=Decimal)
    criticality: int = 0
    unpriced: int = 0

    def add(self, other: Amounts) -> None:
        """Adds another's."""
        self.volume += other.volume
        self.spend += other.spend
        self.criticality += other.criticality
        self.unpriced += other.unpriced

    def of(self, weight: Weight) -> Decimal:
        """By this weight."""
        return Decimal(getattr(self, weight.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One of a level's. ``shares`` (0–1, by weight) add up to 1 over a level; None: nothing is recorded by that weight.

    ``home`` is a country. ``reach`` is what is lost with it: more than its share where it can stop what others control.
    ``ours``: all of it runs on our own machines, so that nobody can order it to stop.
    """

    level: Level
    name: str
    amounts: Amounts
    shares: Mapping[Weight, float | None]
    reach: Mapping[Weight, float | None]
    home: str | None = None
    ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What flows between a node and one of the next column."""

    left: tuple[Level, str]
    right: tuple[Level, str]
    amounts: Amounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The nodes by level, largest first, with the links between columns.

    ``concentration`` is the Herfindahl index by level and weight. ``left_out`` counts answers, by name, of upstreams
    that are configured no more.
    """

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    totals: Amounts
    concentration: Mapping[Level, Mapping[Weight, float | None]]
    left_out: Mapping[str, int]

    def at(self, level: Level) -> list[Node]:
        """A level's nodes, largest first."""
        return [node for node in self.nodes if node.level is level]


# In the order of reading: what we do, whose model that asks, who runs it, and who can be ordered to stop it.
COLUMNS = (
    Level.PROCESS, Level.ROUTE, Level.UPSTREAM, Level.DEVELOPER, Level.PROVIDER, Level.PARENT, Level.JURISDICTION,
)  # fmt: skip
# Levels that somebody outside holds.
HELD = (Level.UPSTREAM, Level.DEVELOPER, Level.PROVENANCE, Level.PROVIDER, Level.PARENT, Level.JURISDICTION)


def graph(flows: Iterable[Flow], snapshot: Snapshot) -> Graph:
    """Who rests on whom, of what is recorded; what is configured and was never used has a node without weight."""
    found: defaultdict[tuple[Level, str], Amounts] = defaultdict(Amounts)
    links: defaultdict[tuple[tuple[Level, str], tuple[Level, str]], Amounts] = defaultdict(Amounts)
    by_upstream: defaultdict[str, Amounts] = defaultdict(Amounts)
    left_out: defaultdict[str, int] = defaultdict(int)
    totals = Amounts()
    for place in _configured(snapshot):
        found[place] = Amounts()
    for flow in flows:
        spec, process = snapshot.upstreams.get(flow.upstream), snapshot.processes.get(flow.process)
        if spec is None or process is None:
            left_out[flow.upstream if spec is None else flow.process] += flow.answers
            continue
        critical = process.criticality is Criticality.CRITICAL
        amounts = Amounts(flow.answers, flow.spent, flow.answers if critical else 0, flow.unpriced)
        places = {Level.PROCESS: flow.process, Level.ROUTE: flow.route, **places_of(spec, snapshot)}
        totals.add(amounts)
        by_upstream[flow.upstream].add(amounts)
        for place in places.items():
            found[place].add(amounts)
        for left, right in pairwise(COLUMNS):
            links[(left, places[left]), (right, places[right])].add(amounts)
    theirs = {place for spec in used(snapshot) if not _is_ours(spec) for place in places_of(spec, snapshot).items()}
    nodes = [
        _node(place, amounts, totals, by_upstream, snapshot, theirs=place in theirs) for place, amounts in found.items()
    ]
    order = list(Level)
    nodes.sort(key=lambda one: (order.index(one.level), -one.amounts.volume, one.name))
    return Graph(
        nodes=tuple(nodes),
        links=tuple(Link(left=left, right=right, amounts=amounts) for (left, right), amounts in links.items()),
        totals=totals,
        concentration={level: _concentration(level, nodes) for level in Level},
        left_out=dict(left_out),
    )


def places_of(spec: UpstreamSpec, snapshot: Snapshot) -> dict[Level, str]:
    """Where an upstream stands at each level: whose model it is, who runs it, and whose order ends it."""
    provider = snapshot.providers.get(spec.host)
    developer = snapshot.providers.get(spec.developer)
    home = (provider.parent_home or provider.home) if provider else UNKNOWN
    return {
        Level.UPSTREAM: spec.name,
        Level.DEVELOPER: spec.developer,
        Level.PROVENANCE: developer.home if developer else UNKNOWN,
        Level.PROVIDER: spec.host,
        Level.PARENT: controller(spec.host, snapshot),
        Level.JURISDICTION: OURSELVES if spec.is_own else home,
    }


def used(snapshot: Snapshot) -> list[UpstreamSpec]:
    """Every upstream that some process may use."""
    processes = snapshot.processes.values()
    names = dict.fromkeys(name for process in processes for name in (*process.upstreams, *process.embeddings))
    return [snapshot.upstreams[name] for name in names]


def jurisdictions(snapshot: Snapshot) -> set[str]:
    """Homes of hosts that some process may use, and of their parents; the EU is one where two of its members are."""
    hosts = [snapshot.providers.get(spec.host) for spec in used(snapshot) if not spec.is_own]
    homes = {home for host in hosts if host is not None for home in (host.home, host.parent_home) if home}
    return homes | {"EU"} if len(homes & EU) > 1 else homes


def controller(host: str, snapshot: Snapshot) -> str:
    """The organisation in control of a host: its parent, or itself."""
    return placement.controller(host, snapshot.providers)


def lost_with(level: Level, name: str, snapshot: Snapshot) -> tuple[Target, ...]:
    """What is lost with a node: nothing with a process or a route, and nothing by an order to ourselves.

    A developer can end a licence, and models may be barred by where they come from: then every upstream with such a
    model goes, whoever runs it.
    """
    if level is Level.UPSTREAM:
        return (Target(TargetKind.UPSTREAM, name),)
    if level in (Level.PROVIDER, Level.PARENT):
        return (Target(TargetKind.PROVIDER, name),)
    if level is Level.JURISDICTION:
        return () if name == OURSELVES else (Target(TargetKind.JURISDICTION, name),)
    if level not in (Level.DEVELOPER, Level.PROVENANCE):
        return ()
    return tuple(
        Target(TargetKind.UPSTREAM, spec.name)
        for spec in snapshot.upstreams.values()
        if places_of(spec, snapshot)[level] == name
    )


def herfindahl(amounts: Sequence[Decimal | int]) -> float | None:
    """Herfindahl index from 1/n (n hold the same) to 1 (one holds all); None where nobody holds anything.

    Source: the sum of squared shares, as competition authorities use it (US DOJ and FTC, Merger Guidelines 2023, 2.1,
    on a scale of 0 to 10,000; there above 1,800, here 0.18, is "highly concentrated").
    """
    total = sum(map(Decimal, amounts), Decimal(0))
    if not total:
        return None
    return float(sum((Decimal(amount) / total) ** 2 for amount in amounts))


def _configured(snapshot: Snapshot) -> Iterable[tuple[Level, str]]:
    """Every place that a process may come to rest on, used or not; of jurisdictions also those of hosts themselves."""
    for process in snapshot.processes.values():
        yield Level.PROCESS, process.name
        for route in process.routes or (process.name,):
            yield Level.ROUTE, route
    for spec in used(snapshot):
        yield from places_of(spec, snapshot).items()
    for home in jurisdictions(snapshot):
        yield Level.JURISDICTION, home


def _node(
    place: tuple[Level, str],
    amounts: Amounts,
    totals: Amounts,
    by_upstream: Mapping[str, Amounts],
    snapshot: Snapshot,
    *,
    theirs: bool,
) -> Node:
    level, name = place
    reach, targets = Amounts(), lost_with(level, name, snapshot)
    for upstream, found in by_upstream.items():
        if any(target.covers(snapshot.upstreams[upstream], snapshot.providers) for target in targets):
            reach.add(found)
    return Node(
        level=level,
        name=name,
        amounts=amounts,
        shares={weight: _share(amounts, totals, weight) for weight in Weight},
        reach={weight: _share(reach if targets else amounts, totals, weight) for weight in Weight},
        home=_home(level, name, snapshot),
        ours=not theirs and level in (Level.UPSTREAM, Level.PROVIDER, Level.PARENT),
    )


def _is_ours(spec: UpstreamSpec) -> bool:
    return spec.is_own or spec.host == "own"


def _home(level: Level, name: str, snapshot: Snapshot) -> str | None:
    if level not in (Level.DEVELOPER, Level.PROVIDER, Level.PARENT):
        return None
    if name in snapshot.providers:
        return snapshot.providers[name].home
    of_parents = (one.parent_home for one in snapshot.providers.values() if one.parent == name)
    return next(filter(None, of_parents), None)


def _share(amounts: Amounts, totals: Amounts, weight: Weight) -> float | None:
    total = totals.of(weight)
    return float(amounts.of(weight) / total) if total else None


def _concentration(level: Level, nodes: Sequence[Node]) -> dict[Weight, float | None]:
    of_level = [node.amounts for node in nodes if node.level is level]
    return {weight: herfindahl([amounts.of(weight) for amounts in of_level]) for weight in Weight}
