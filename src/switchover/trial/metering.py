"""What calls outside live traffic cost: entered as live ones are, with their purpose, every try by itself.

Sums are kept in memory and saved at most a second later, so that a killed run loses no more than that second's.
"""

from __future__ import annotations

from switchover.clock import Clock
from switchover.costs.estimates import NOTHING, Ratios, estimate, ratios_of
from switchover.costs.metering import charge_call
from switchover.domain.charge import Bill, Ending
from switchover.domain.exchange import Length, Usage
from switchover.domain.process import UpstreamSpec
from switchover.errors import StoreUnavailable
from switchover.store import Store
from switchover.store.spending import Spent, learned

EVERY_S = 1.0


class Meter:
    """Enters what is spent into a store. Used by one thread; :meth:`save` what is left at the end."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._spent, self._saved_at = Spent(), clock.monotonic()
        self._ratios: Ratios | None = None

    def bill(self, process: str, spec: UpstreamSpec, purpose: str) -> Bill:
        """A function that enters tries at an upstream for a process, for one of the purposes of ``domain/charge.py``.

        What nobody told is estimated, and marked.
        """

        def enter(usage: Usage | None, length: Length, ending: Ending) -> None:
            told = usage if usage is not None else self._estimated(spec, length, ending)
            now = self._clock.now()
            self._spent.charge(process, now, purpose, [charge_call(spec, told, now, ending)])
            if self._clock.monotonic() - self._saved_at >= EVERY_S:
                self._save()

        return enter

    def save(self) -> None:
        """Saves what was entered since the last time. Raises StoreUnavailable, and has it still."""
        self._saved_at = self._clock.monotonic()
        with self._store.write() as connection:
            self._spent.add_to(connection)
        self._spent = Spent()

    def _save(self) -> None:
        try:
            self.save()
        except StoreUnavailable:
            # Whoever saves cases raises it; what was entered is saved with what comes next.
            return

    def _estimated(self, spec: UpstreamSpec, length: Length, ending: Ending) -> Usage:
        if self._ratios is None:
            self._ratios = ratios_of(learned(self._store))
        heard = ending is Ending.ANSWERED
        return estimate(length, self._ratios.get(spec.model, NOTHING), stream=False, heard=heard)
