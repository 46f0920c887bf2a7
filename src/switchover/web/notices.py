"""What is said on top of every page: cut-offs in force, and what keeps anything from coming into force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.domain.cut_off import CutOff
from switchover.store.drills import cut_offs

if TYPE_CHECKING:
    from .visit import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """``cuts`` are in force, real ones first; ``troubles`` are sentences; ``lifts``: who asks may lift."""

    cuts: tuple[CutOff, ...] = ()
    troubles: tuple[str, ...] = ()
    lifts: bool = False


NONE = Notices()


def notices(visit: Visit) -> Notices:
    """For whoever is known: one small read of the store, and two small files. Raises StoreUnavailable."""
    if visit.visitor.actor is None:
        return NONE
    cuts = sorted(cut_offs(visit.store, in_force_at=visit.now), key=lambda cut: (cut.fault is not None, cut.placed_at))
    running = visit.sources.running(visit.settings)
    return Notices(cuts=tuple(cuts), troubles=tuple(running.troubles()), lifts=visit.may("restore", None))
