"""What a projection of costs is told: assumptions, dated price events, options. As the configuration declares them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# From the nearest to the furthest: a row that was edited stands before the file's, and that before the shipped one.
EDITED, FILE, SHIPPED = KEPT_IN = ("edited", "file", "shipped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """A figure that the record does not tell, with the range it may lie in. ``low`` ≤ ``value`` ≤ ``high``.

    ``name`` is "pue", or "defect_usd:claims" where it is said for one process. ``date`` is an ISO day. ``kept_in`` says
    where the row stands: one of :data:`KEPT_IN`, or "" for one that is reckoned.
    """

    name: str
    means: str
    value: float
    low: float
    high: float
    unit: str
    source: str
    owner: str
    date: str
    kept_in: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """An assumption as somebody said it without the file, ``by`` whom, ``at`` when (Unix seconds) and for which reason.

    ``version`` counts the edits of a name from 1 on; the newest counts. ``value`` None: it was taken back, and what the
    file or the shipped row says is in force again.
    """

    name: str
    version: int
    value: float | None
    low: float | None
    high: float | None
    source: str
    owner: str
    date: str
    reason: str
    at: float
    by: str

    @property
    def id(self) -> str:
        """What the evidence log calls it."""
        return f"{self.name}.{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceEvent:
    """A change of price that is expected on a day, by ``low`` to ``high`` percent, with a probability (0–1).

    ``at`` is that day's first moment (Unix seconds, UTC). ``where`` names an upstream or a provider. ``announced``: the
    daily round found it, and nobody stated it.
    """

    name: str
    where: str
    at: float
    probability: float
    low: float
    value: float
    high: float
    source: str
    owner: str
    announced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionSpec:
    """An option to project beside staying: an upstream, a machine, or a ``mix`` (process → option or "stay").

    With a ``machine`` (an id among the facts) ``upstream`` says whose proofs show that its answers are good enough.
    ``tokens_per_second`` is a throughput of one's own, as ``measured`` says; else the facts' for ``model`` is taken.
    """

    name: str
    upstream: str | None = None
    machine: str | None = None
    model: str | None = None
    rented: bool = False
    tokens_per_second: float | None = None
    measured: str | None = None
    mix: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costing:
    """What the configuration says about costs to come. ``assumptions`` are those that replace shipped ones, by name."""

    assumptions: Mapping[str, Assumption] = field(default_factory=dict)
    events: tuple[PriceEvent, ...] = ()
    options: tuple[OptionSpec, ...] = ()
