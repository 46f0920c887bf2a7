"""What one worker holds in the budget ledger, from its first lease to its last; see :class:`LeaseFile`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from switchover.errors import StoreUnavailable
from switchover.store.lease_file import LeaseFile, dead, living, replica_id
from switchover.store.ledger import Ledger

from .budget import Ask, Told, grant


class LedgerHolding:
    """A worker's leases."""

    def __init__(self, ledger: Ledger, data_dir: str | Path, worker: str) -> None:
        self._ledger = ledger
        self._file = LeaseFile(data_dir, worker)
        self.holder = self._file.holder

    def exchange(self, asks: Sequence[Ask]) -> list[Told]:
        """Settles what was spent, takes back what is idle, and grants more."""
        return [
            Told(
                granted=granted, settled=account.settled, unknown=account.unknown, leased=account.leased, closed=closed
            )
            for granted, account, closed in self._ledger.exchange(self.holder, asks, grant)
        ]

    def counts(self, budget: str, period: str) -> memoryview:
        """Counts for a new lease, from zero."""
        return self._file.counts(budget, period)

    def forget(self, budget: str, period: str) -> None:
        """A lease is over."""
        self._file.forget(budget, period)

    def end(self) -> None:
        """Ends every lease as the counts have it, and takes the file away."""
        try:
            self._ledger.end(self.holder, self._file.all())
        except StoreUnavailable:
            # Whoever finds the file does it.
            self._file.close(remove=False)
            raise
        finally:
            self._ledger.close()
        self._file.close(remove=True)


def settle_the_dead(ledger: Ledger, data_dir: str | Path) -> list[str]:
    """Ends the leases of this folder's workers that are gone; who they were.

    What they had settled counts as they said, what they had reserved at its upper bound, as unknown. A holder without a
    file, whose counts somebody removed, is settled whole.
    """
    found = []
    for holder, left, path in dead(data_dir):
        if ledger.end(holder, left):
            found.append(holder)
        path.unlink(missing_ok=True)
    here = replica_id(data_dir) + "."
    # Asked in this order: a file is there before its holder has a lease.
    for holder in ledger.holders():
        if holder.startswith(here) and holder not in living(data_dir) and ledger.end(holder, None):
            found.append(holder)
    return found
