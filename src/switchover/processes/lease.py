"""Who may run stories: one keeper at a time, by a lease in the store that lapses by itself."""

from __future__ import annotations

from switchover.clock import Clock
from switchover.errors import StoreUnavailable
from switchover.store import Store
from switchover.store.leases import release_lease, take_lease

STORIES = "stories"


class Lease:
    """A lease on ``name`` for ``holder``: held for ``seconds`` after each :meth:`renew`."""

    def __init__(self, name: str, holder: str, *, clock: Clock, seconds: float = 15.0) -> None:
        self.name, self.holder, self.clock, self.seconds = name, holder, clock, seconds
        self._until = 0.0

    @property
    def held(self) -> bool:
        """True while nobody else can have it."""
        return self.clock.now() < self._until

    def renew(self, store: Store) -> bool:
        """Takes it, or holds on to it. Without the store it is held until it lapses, and not a moment longer."""
        now = self.clock.now()
        try:
            taken = take_lease(store, self.name, self.holder, now=now, seconds=self.seconds)
        except StoreUnavailable:
            return self.held
        self._until = now + self.seconds if taken else 0.0
        return taken

    def release(self, store: Store) -> None:
        """Gives it back for the next one."""
        self._until = 0.0
        release_lease(store, self.name, self.holder)
