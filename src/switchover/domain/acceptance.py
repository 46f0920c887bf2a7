"""A risk that the owner of a process accepts: a replacement without a proof, until a day."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .candidate import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """``upstream`` with this model and prompt version may serve the process from ``made_at`` until ``expires_at``.

    ``state`` is what its newest verdict said then (``verdict``; None: it was never rehearsed). ``made_by``,
    ``approved_by`` and ``withdrawn_by`` name people as rows of the store do.
    """

    id: str
    process: str
    upstream: str
    fingerprint: str
    prompt_version: str
    state: State
    verdict: str | None
    reason: str
    made_at: float
    made_by: str
    expires_at: float
    approved_by: str | None = None
    withdrawn_at: float | None = None
    withdrawn_by: str | None = None

    @property
    def ends_at(self) -> float:
        """The moment (Unix seconds) from which it lets nobody serve."""
        return min(self.expires_at, math.inf if self.withdrawn_at is None else self.withdrawn_at)

    def in_force(self, now: float) -> bool:
        """Whether it holds at ``now``."""
        return self.made_at <= now < self.ends_at
