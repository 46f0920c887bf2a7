"""What a projection says: ranges per option and month, chances, what matters most, when it breaks even.

Money is Decimal, rounded to a hundredth of a cent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from switchover.domain.costing import Assumption

from .usage import UsageModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """P10, P50 and P90 in each month, in USD."""

    p10: tuple[Decimal, ...]
    p50: tuple[Decimal, ...]
    p90: tuple[Decimal, ...]

    @property
    def ends(self) -> tuple[Decimal, Decimal, Decimal]:
        """The last month's."""
        return self.p10[-1], self.p50[-1], self.p90[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """Machines behind an option, at the middle of all draws in the first and in the last month.

    ``per_mtok`` is USD per million output tokens, with the reading that goes with them, at each of some utilisations
    (percent), ``at_load`` as they are used; ``rates`` are what a million tokens in and out have to cost to pay for
    it all. They pay from ``even`` on (a utilisation; None: not below all of the time), after ``payback`` months (None:
    never, or rented).
    """

    machine: str
    model: str
    rented: bool
    first: int
    last: int
    paid: int
    utilisation: float
    utilisation_last: float
    per_mtok: dict[int, Decimal]
    at_load: Decimal | None
    rates: tuple[Decimal, Decimal] | None
    even: float | None
    payback: float | None
    source: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionOutlook:
    """One option over all months. ``saved`` is what it costs less than staying, P10 to P90.

    ``saved`` is None for staying, for one without a price (``lacks`` says why) and for one that is ``unproven`` in a
    process (process → why): nobody knows that its answers are good enough, so it saves nothing yet. ``even`` are the
    volumes, against today's, at which it begins or ceases to be cheaper than staying.
    """

    name: str
    words: str
    monthly: Band | None
    cumulative: Band | None
    saved: tuple[Decimal, Decimal, Decimal] | None
    unproven: Mapping[str, str]
    lacks: str | None
    even: tuple[float, ...]
    cheaper_now: bool | None
    machines: tuple[Machines, ...]
    notes: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def total(self) -> tuple[Decimal, Decimal, Decimal] | None:
        """P10, P50 and P90 over all months."""
        return self.cumulative.ends if self.cumulative else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beats:
    """The chance (0–1) that one option costs less than another over all months; both proven or not."""

    cheaper: str
    dearer: str
    chance: float
    proven: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Swing:
    """One assumption at either end of its range, and the median of what is saved then, in USD."""

    name: str
    unit: str
    low: float
    high: float
    at_low: Decimal
    at_high: Decimal

    @property
    def width(self) -> Decimal:
        """How much it moves the median."""
        return abs(self.at_high - self.at_low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Insurance:
    """What a process loses while its provider is gone and nothing is ready: how likely, on average, in one of ten."""

    process: str
    chance: float
    mean: Decimal
    p90: Decimal
    covered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The projection. ``rival`` is the option that the ``swings`` hold against staying, None where there is none.

    ``volumes`` (against today's) and ``by_volume`` (option → USD over all months) are for drawing. ``scenarios`` is the
    middle case of staying after one change of price (percent) from the first month on. ``gaps`` name what is missing.
    """

    months: int
    draws: int
    seed: int
    begins: float
    options: tuple[OptionOutlook, ...]
    beats: tuple[Beats, ...]
    rival: str | None
    middle: Decimal | None
    swings: tuple[Swing, ...]
    insurance: tuple[Insurance, ...]
    scenarios: dict[int, Decimal]
    volumes: tuple[float, ...]
    by_volume: dict[str, tuple[float, ...]]
    usage: tuple[UsageModel, ...]
    assumptions: tuple[Assumption, ...]
    gaps: tuple[str, ...]

    @property
    def stay(self) -> OptionOutlook:
        """The option of staying."""
        return self.options[0]
