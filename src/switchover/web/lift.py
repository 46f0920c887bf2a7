"""Cut-offs in force, who would answer without each, and lifting one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from starlette.responses import Response

from switchover.domain.cut_off import CutOff
from switchover.planning.plan import plan
from switchover.store.drills import cut_offs, get_cut_off

from .now import basis_of
from .visit import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A cut-off in force and the processes that another upstream answers first once it is lifted."""

    cut: CutOff
    moves: tuple[tuple[str, str | None, str | None], ...]


def show(visit: Visit) -> Response:
    """All that are in force; with ``cut`` that one too, where it is over by now."""
    running, told = visit.sources.running(visit.settings), visit.sources.told(visit.settings)
    losses = basis_of(visit, running, told).losses
    in_force = cut_offs(visit.store, in_force_at=visit.now)

    def without(cut: CutOff) -> Return:
        rest = replace(losses.snapshot, cut_offs=tuple(one for one in losses.snapshot.cut_offs if one.id != cut.id))
        moves = []
        for name in losses.snapshot.processes:
            before = losses.plan(name).attempts
            after = plan(rest, name, visit.now, breakers=losses.breakers, pauses=losses.pauses).attempts
            first, then = (found[0].upstream.name if found else None for found in (before, after))
            if first != then:
                moves.append((name, first, then))
        return Return(cut=cut, moves=tuple(moves))

    asked = visit.asked.get("cut", "")[:64]
    found = get_cut_off(visit.store, asked) if asked else None
    over = found if found is not None and not found[0].in_force(visit.now) else None
    return visit.page(
        "lift.html",
        returns=[without(cut) for cut in sorted(in_force, key=lambda cut: cut.id != asked)],
        over=over,
        late=visit.asked.get("told") == "gone",
        may=visit.may("restore", None),
        asked=asked,
        known=found is not None or not asked,
    )


def take(visit: Visit) -> Response:
    """Lifts one; one that is gone already says by whom."""
    actor, name = visit.check("restore", None), visit.form.get("cut", "")[:64]
    if not name:
        return visit.see("/cut/lift")
    cut, _ = visit.sources.lift(visit.settings, name, actor)
    # It ended before it was asked for: somebody else was quicker, or it lapsed.
    gone = cut.lifted_at is None or cut.lifted_at < visit.now
    return visit.see(f"/cut/lift?cut={cut.id}" + ("&told=gone" if gone else ""))
