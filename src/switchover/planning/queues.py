"""How many requests an engine of our own has in hand: what it would not get to in time, it is not given. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from switchover.domain.process import Criticality, UpstreamSpec
from switchover.errors import NotYet

# What a slot gets through while its callers wait for first content (30 s), at a second each: the engine itself would
# queue without end.
WAITING_PER_SLOT = 32
# The least critical goes first: of the places there are, so much is open to each.
SHARE: Mapping[Criticality, float] = {Criticality.CRITICAL: 1.0, Criticality.IMPORTANT: 0.75, Criticality.ORDINARY: 0.5}
RETRY_AFTER_S = 5.0


class Queues:
    """Counts, per engine, what this worker has asked and not yet got whole; ``workers`` share its places evenly."""

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers
        self._in_hand: dict[str, int] = {}

    def enter(self, spec: UpstreamSpec, criticality: Criticality) -> None:
        """Takes a place, to be given back by :meth:`leave`. Raises NotYet, and takes none, when there is none left."""
        taken = self._in_hand.get(spec.name, 0)
        places = spec.slots * WAITING_PER_SLOT * SHARE[criticality] / self._workers
        if taken >= max(places, 1.0):
            raise NotYet(
                f"{spec.name} has {taken} requests in hand, which is all it takes of {criticality} ones",
                fault="local-queue-full",
                retry_after=RETRY_AFTER_S,
            )
        self._in_hand[spec.name] = taken + 1

    def leave(self, spec: UpstreamSpec) -> None:
        """Gives a place back."""
        self._in_hand[spec.name] -= 1
