"""What calls outside live traffic cost: reserved in the budgets, and entered as live ones are, try by try.

Sums are kept in memory and saved at most a second later, so that a killed run loses no more than that second's.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Protocol

from switchover.clock import Clock
from switchover.costs.estimates import NOTHING, Ratios, estimate, ratios_of
from switchover.costs.metering import charge_call, told
from switchover.domain.charge import Ending
from switchover.domain.exchange import Length, Usage
from switchover.domain.process import Process, UpstreamSpec
from switchover.errors import StoreUnavailable
from switchover.store import Store
from switchover.store.spending import Spent, learned

from .caps import Caps, Held

EVERY_S = 1.0


class Try(Protocol):
    """One try under way; one of its methods is called, once."""

    def ended(self, usage: Usage | None, length: Length, ending: Ending) -> None:
        """It may be billed: the usage that was told of it, if any, and how much was asked and heard."""
        ...

    def dropped(self) -> None:
        """It was turned down, or never sent, and costs nothing."""
        ...


class Account(Protocol):
    """What calls of one process to one upstream are charged to."""

    def begin(self, read: int, written: int) -> Try:
        """A try that reads and writes so many tokens at most. Raises OverBudget where there is no room for it."""
        ...


class Unbilled:
    """An account, and a try, for calls that nobody charges for, such as those of a test."""

    def begin(self, read: int, written: int) -> Unbilled:
        """Always."""
        return self

    def ended(self, usage: Usage | None, length: Length, ending: Ending) -> None:
        """Nothing is entered."""

    def dropped(self) -> None:
        """Nothing is entered."""


class Meter:
    """Enters what is spent into a store. Used by one thread; :meth:`close` it at the end."""

    def __init__(self, store: Store, clock: Clock, caps: Caps | None = None) -> None:
        self.caps, self._store, self._clock = caps, store, clock
        self._spent, self._saved_at = Spent(), clock.monotonic()
        self._ratios: Ratios | None = None

    def account(self, process: Process, spec: UpstreamSpec, purpose: str) -> Account:
        """The account of a process at an upstream, for one of the purposes of ``domain/charge.py``."""
        return _Account(self, process, spec, purpose)

    def enter(
        self, process: str, spec: UpstreamSpec, purpose: str, usage: Usage | None, length: Length, ending: Ending
    ) -> None:
        """Enters a try. What nobody told of it is estimated, and marked."""
        used = told(usage) or self._estimated(spec, length, ending)
        now = self._clock.now()
        self._spent.charge(process, now, purpose, [charge_call(spec, used, now, ending)])
        if self._clock.monotonic() - self._saved_at >= EVERY_S:
            self._save()

    def save(self) -> None:
        """Saves what was entered since the last time. Raises StoreUnavailable, and has it still."""
        self._saved_at = self._clock.monotonic()
        with self._store.write() as connection:
            self._spent.add_to(connection)
        self._spent = Spent()

    def close(self) -> None:
        """Saves the rest, and gives back what is reserved. Raises StoreUnavailable."""
        try:
            self.save()
        finally:
            if self.caps is not None:
                self.caps.end()

    def _save(self) -> None:
        try:
            self.save()
        except StoreUnavailable:
            # Whoever saves cases raises it; what was entered is saved with what comes next.
            return

    def _estimated(self, spec: UpstreamSpec, length: Length, ending: Ending) -> Usage:
        if self._ratios is None:
            # Without the store it is estimated by what holds for all: the answer is there, and not to be lost by that.
            with contextlib.suppress(StoreUnavailable):
                self._ratios = ratios_of(learned(self._store))
        heard = ending is Ending.ANSWERED
        return estimate(length, (self._ratios or {}).get(spec.model, NOTHING), stream=False, heard=heard)


@dataclass(frozen=True, slots=True)
class _Account:
    meter: Meter
    process: Process
    spec: UpstreamSpec
    purpose: str

    def begin(self, read: int, written: int) -> _Try:
        caps = self.meter.caps
        return _Try(self, caps.reserve(self.process, self.spec, read, written) if caps is not None else None)


@dataclass(frozen=True, slots=True)
class _Try:
    account: _Account
    held: Held | None

    def ended(self, usage: Usage | None, length: Length, ending: Ending) -> None:
        if self.held is not None:
            self.held.settle(usage)
        one = self.account
        one.meter.enter(one.process.name, one.spec, one.purpose, usage, length, ending)

    def dropped(self) -> None:
        if self.held is not None:
            self.held.release()
