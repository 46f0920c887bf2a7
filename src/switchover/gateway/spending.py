"""What one attempt is charged to, and its reservation until it is settled."""

from __future__ import annotations

from dataclasses import dataclass

from switchover.costs.budget import Lease, settle
from switchover.domain.budget import MOST_MICRO_USD, Tariff
from switchover.domain.exchange import BY_OTHERS, Usage
from switchover.errors import PromptTooLong, Unreachable

from .admit import Call


@dataclass(slots=True)
class Purse:
    """What calls of one process to one upstream are charged to, until ``until`` (Unix seconds)."""

    leases: tuple[Lease, ...]
    tariff: Tariff | None
    until: float


class Spending:
    """One attempt's reservation, until it is settled."""

    __slots__ = ("_bound", "_call", "_leases", "_tariff")

    def __init__(self, call: Call, leases: tuple[Lease, ...], tariff: Tariff, bound: int) -> None:
        self._call, self._leases, self._tariff, self._bound = call, leases, tariff, bound
        call.spending.append(self)

    def ended(self, usage: Usage | None, fault: str | None = None) -> None:
        """The answer came to its end, with this usage; ``fault`` is what was wrong with it.

        What is not told, was counted here, or belongs to another model is settled at its upper bound.
        """
        if usage is None or usage.estimated or fault in BY_OTHERS or not usage.adds_up:
            self.unknown()
        else:
            self._settle(min(self._tariff.cost(usage), MOST_MICRO_USD))

    def failed(self, error: BaseException, status: int | None) -> None:
        """The attempt failed, after an answer of this status had begun if one had."""
        if isinstance(error, Unreachable | PromptTooLong) or (status is not None and not 200 <= status < 300):
            # Nothing was sent, or it was turned down: nobody bills that.
            self._settle(0)
        else:
            self.ended(getattr(error, "usage", None), getattr(error, "fault", None))

    def unknown(self) -> None:
        """Nobody told what it cost."""
        self._settle(self._bound, unknown=True)

    def _settle(self, cost: int, *, unknown: bool = False) -> None:
        if self in self._call.spending:
            self._call.spending.remove(self)
            settle(self._leases, self._bound, cost, unknown=unknown)
