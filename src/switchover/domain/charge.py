"""What one try at an upstream cost: settled as its usage says, estimated where that is missing, or not priced."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

BILLIONTH = 1_000_000_000
# What is billed apart: input that is neither read from a cache nor written to one, those two, output, and the call.
KINDS = ("input", "cached", "written", "output", "call")
# What calls are made for; all but the first two are asked by us.
LIVE, IMPORTED = "live", "imported"
REHEARSAL, JUDGE, ADAPTATION, WATCH = "rehearsal", "judge", "adaptation", "watch"


class Ending(StrEnum):
    """What became of a try."""

    ANSWERED = "answered"
    FAILED = "failed"
    CUT = "cut"
    ABANDONED = "abandoned"


class Basis(StrEnum):
    """What an amount rests on."""

    SETTLED = "settled"
    ESTIMATED = "estimated"
    UNPRICED = "unpriced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One try. Money is in billionths of a dollar: ``spent`` by :data:`KINDS`, ``listed`` before any discount.

    ``tokens`` are by the same kinds, without the call. ``source`` says whose price it is, and of what has none, why.
    ``provider`` and ``developer`` are "" where the upstream is not configured any more.
    """

    upstream: str
    model: str
    provider: str
    developer: str
    ending: Ending
    basis: Basis
    source: str
    tokens: tuple[int, int, int, int] = (0, 0, 0, 0)
    spent: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)
    listed: int = 0

    @property
    def total(self) -> int:
        """The whole amount."""
        return sum(self.spent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A settled answer that teaches how long a model's tokens are: tokens read and written, and the bytes of both.

    ``said`` is None where the text was not measured.
    """

    model: str
    read: int
    asked: int
    wrote: int
    said: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """An exchange as it is billed: its charges, and what it teaches if anything."""

    charges: tuple[Charge, ...] = ()
    sample: Sample | None = None

    @property
    def amount(self) -> int | None:
        """What is known of its price, in billionths of a dollar; None: nothing."""
        if self.charges and all(one.basis is Basis.UNPRICED for one in self.charges):
            return None
        return sum(one.total for one in self.charges)
