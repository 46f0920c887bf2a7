"""What cutting something off would do at this moment: who stops, who moves where, on what proof, at what cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from switchover.dialects.side import NEEDS_VECTORS
from switchover.domain.cut_off import Target, TargetKind
from switchover.domain.process import Process
from switchover.planning import Plan, plan_request

from .dependence import targets
from .losing import Basis
from .model import Capacity, ProcessFate
from .moving import Moving


class Effect(StrEnum):
    """What becomes of a process, in the order in which somebody wants to know."""

    STOPS = "stops"
    MOVES = "moves"
    STAYS = "stays"
    STOPPED = "has stopped already"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A process under the loss. ``before`` and ``after`` name who answers it first, None: nobody.

    ``next`` would be asked after that one; ``lost`` are those that could have answered and fall, too. ``capacity`` is
    what was measured of an own replacement. ``cost_before`` and ``cost_after`` are USD a month, or why that is not
    known; ``vectors`` says what becomes of its embeddings, where it has any.
    """

    process: Process
    effect: Effect
    before: str | None
    after: str | None
    next: tuple[str, ...]
    lost: tuple[str, ...]
    fate: ProcessFate
    capacity: Capacity | None
    cost_before: Decimal | str | None
    cost_after: Decimal | str | None
    vectors: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """An own upstream and the processes that would rest on it; ``share`` of their busiest minutes together it carries.

    None: not measured for all of them.
    """

    upstream: str
    processes: tuple[str, ...]
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What cutting ``target`` off would do. ``loses`` are upstreams, ``unknown`` what nobody can say."""

    target: Target
    loses: tuple[str, ...]
    moves: tuple[Move, ...]
    own: tuple[Own, ...]
    unknown: tuple[str, ...]

    def count(self, effect: Effect) -> int:
        """How many processes it befalls."""
        return sum(move.effect is effect for move in self.moves)


def choices(basis: Basis) -> list[tuple[str, list[Target]]]:
    """What can be cut off, by kind: providers (in control, and by themselves), jurisdictions, upstreams."""
    snapshot = basis.losses.snapshot
    found = targets(snapshot)
    hosts = {spec.host for spec in snapshot.upstreams.values() if not spec.is_own}
    providers = {one.name for one in found if one.kind is TargetKind.PROVIDER} | hosts
    return [
        ("Provider", [Target(TargetKind.PROVIDER, name) for name in sorted(providers)]),
        ("Jurisdiction", [one for one in found if one.kind is TargetKind.JURISDICTION]),
        ("Upstream", [Target(TargetKind.UPSTREAM, name) for name in snapshot.upstreams]),
    ]


def preview(basis: Basis, target: Target, moving: Moving, *, running: bool) -> Preview:
    """The consequences of one target. ``running``: the breakers of workers are known, and engines as they are."""
    losses = basis.losses
    loss = losses.of(target)
    moves = [_move(basis, fate, target, moving) for fate in loss.fates]
    order = list(Effect)
    moves.sort(key=lambda move: (order.index(move.effect), not move.fate.critical, move.process.name))
    return Preview(
        target=target,
        loses=loss.loses,
        moves=tuple(moves),
        own=tuple(_own(basis, moves)),
        unknown=tuple(_unknown(basis, moves, target, running)),
    )


def _move(basis: Basis, fate: ProcessFate, target: Target, moving: Moving) -> Move:
    losses = basis.losses
    name = fate.process
    before, after = losses.plan(name), losses.plan(name, target)
    was, will = _names(before), _names(after)
    first, then = (was[0] if was else None), (will[0] if will else None)
    effect = effect_of(first, then)
    moves = effect is Effect.MOVES
    return Move(
        process=losses.snapshot.processes[name],
        effect=effect,
        before=first,
        after=then,
        next=will[1:],
        lost=tuple(one for one in was if one not in will),
        fate=fate,
        capacity=basis.capacity.get((name, then or "")) if moves else None,
        cost_before=moving.month(name, first) if moves and first else None,
        cost_after=moving.month(name, then) if moves and then else None,
        vectors=_vectors(basis, name, target),
    )


def _names(found: Plan) -> tuple[str, ...]:
    return tuple(attempt.upstream.name for attempt in found.attempts)


def effect_of(before: str | None, after: str | None) -> Effect:
    """What becomes of a process that these upstreams answer first, before and after; None: nobody does."""
    if after is None:
        return Effect.STOPPED if before is None else Effect.STOPS
    return Effect.STAYS if after == before else Effect.MOVES


def _vectors(basis: Basis, name: str, target: Target) -> str:
    """What becomes of a process's embeddings, in words; nothing where it makes none."""
    losses = basis.losses
    recorded = basis.traffic.get(name)
    if not losses.snapshot.processes[name].embeddings and not (recorded and recorded.embeddings):
        return ""
    needs = frozenset([NEEDS_VECTORS])
    now, then = (
        _names(plan_request(losses.snapshot, name, losses.now, without=lost, needs=needs)) for lost in ((), (target,))
    )
    if not then:
        return "its embeddings stop" if now else "its embeddings have stopped already"
    return "" if then[0] == (now[0] if now else None) else f"its embeddings move to {then[0]}, the same model"


def _own(basis: Basis, moves: Sequence[Move]) -> Iterator[Own]:
    """Own upstreams that processes move to, with what already rests on them."""
    snapshot = basis.losses.snapshot
    gaining = {move.after for move in moves if move.effect is Effect.MOVES and move.after}
    for name in sorted(gaining):
        if not snapshot.upstreams[name].is_own:
            continue
        resting = [move.process.name for move in moves if move.after == name]
        rows = [basis.capacity.get((process, name)) for process in resting]
        parts = [row.peak_minute / row.per_minute for row in rows if row is not None and row.per_minute]
        busy = sum(parts) if len(parts) == len(rows) else None
        share = None if busy is None else min(1.0, 1.0 / busy) if busy else 1.0
        yield Own(upstream=name, processes=tuple(resting), share=share)


def _unknown(basis: Basis, moves: Sequence[Move], target: Target, running: bool) -> Iterator[str]:
    snapshot = basis.losses.snapshot
    if not running:
        yield "how upstreams go at this moment: nothing runs here, so every breaker counts as closed"
    for move in moves:
        name = move.process.name
        if name not in basis.traffic:
            yield f"how much {name} asks: nothing of it is recorded"
        if move.effect is not Effect.MOVES or move.after is None:
            continue
        spec = snapshot.upstreams[move.after]
        if not spec.is_own:
            yield f"whether {spec.host} takes all of {name}: a host's limits are its own, and show when they are met"
        elif move.capacity is None or move.capacity.share is None:
            yield f"how much of {name} {move.after} carries: no rehearsal has timed it, or nothing is recorded"
    hosts = {spec.host for spec in snapshot.upstreams.values() if not spec.is_own}
    hidden = sorted(hosts - set(snapshot.providers))
    if target.kind is not TargetKind.UPSTREAM and hidden:
        yield f"who controls {', '.join(hidden)}: the configuration does not say"
