"""Losing an upstream, provider or jurisdiction, really or as a drill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from zlib import crc32

from .jurisdiction import within
from .process import Provider, UpstreamSpec


class TargetKind(StrEnum):
    """What a cut-off names."""

    UPSTREAM = "upstream"
    PROVIDER = "provider"
    JURISDICTION = "jurisdiction"


@dataclass(frozen=True, slots=True)
class Target:
    """What is lost: ``upstream:vendor``, ``provider:acme`` or ``jurisdiction:US``."""

    kind: TargetKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Target:
        """Reads ``kind:name``; raises ValueError naming what is allowed."""
        kind, colon, name = text.partition(":")
        if not colon or not name or kind not in set(TargetKind):
            raise ValueError(f"got {text!r}; want upstream:NAME, provider:NAME or jurisdiction:XX")
        return cls(TargetKind(kind), name)

    def covers(self, spec: UpstreamSpec, providers: Mapping[str, Provider]) -> bool:
        """True when losing the target loses this upstream.

        A provider is lost with its parent's name too. A jurisdiction reaches whoever can be ordered to stop: the host
        and the host's parent. What runs on our own machine answers to nobody but us.
        """
        host = providers.get(spec.host)
        if self.kind is TargetKind.UPSTREAM:
            return spec.name == self.name
        if self.kind is TargetKind.PROVIDER:
            return self.name == spec.host or (host is not None and host.parent == self.name)
        if spec.is_own or host is None:
            return False
        return any(within(home, self.name) for home in (host.home, host.parent_home) if home)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOff:
    """A real cut-off removes its upstreams from every plan; a drilled one names a ``fault`` that wraps them.

    A drilled cut-off has an ``expires_at`` and a ``drill`` id; a real one may have neither. ``share`` is the part
    of the traffic that meets the fault (1.0 = all), ``processes`` the processes it is limited to (empty = all).
    """

    id: str
    target: Target
    reason: str
    by: str
    placed_at: float
    expires_at: float | None = None
    fault: str | None = None
    settings: Mapping[str, float] = field(default_factory=dict)
    drill: str | None = None
    share: float = 1.0
    processes: tuple[str, ...] = ()
    lifted_at: float | None = None

    def in_force(self, now: float) -> bool:
        """True until it is lifted or has expired."""
        return self.lifted_at is None and (self.expires_at is None or now < self.expires_at)

    def reaches(self, exchange: str) -> bool:
        """True when the exchange of this id is in the share; the same exchange always falls the same way."""
        return self.share >= 1.0 or crc32(exchange.encode()) / 2**32 < self.share


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillOutcome:
    """What a drill observed. Moments are Unix seconds; ``rto`` is None when traffic never recovered."""

    result: str
    reasons: tuple[str, ...]
    placed_at: float
    lifted_at: float
    first_fault_at: float | None
    first_replacement_at: float | None
    steady_at: float | None
    rto: float | None
    rto_promised: float
    requests: int
    failed: int
    control_requests: int
    control_failed: int
    p95_ms: float | None
    control_p95_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """A planned, time-boxed, observed cut-off. ``state``: planned, running, done, stopped, abandoned, not exercised."""

    id: str
    process: str
    target: Target
    fault: str
    hypothesis: str
    thresholds: Mapping[str, float]
    approver: str
    operator: str
    state: str
    begun_at: float
    duration: float
    share: float
    replacement: str | None
    proof: str | None
    steady: Mapping[str, float]
    outcome: DrillOutcome | None = None
    scenario: str | None = None
