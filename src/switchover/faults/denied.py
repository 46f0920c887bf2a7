"""The provider turns us away."""

from __future__ import annotations

from dataclasses import dataclass

from switchover.domain.ports import Answer, OutboundRequest, Upstream

from .answers import error_answer
from .registry import fault


@fault("denied")
@dataclass(frozen=True, kw_only=True)
class Denied:
    """The key is refused: 401 (revoked), or 403 (the account may not)."""

    status: float = 401

    async def call(self, upstream: Upstream, request: OutboundRequest) -> Answer:
        """Answers as the provider would; nothing is sent to it."""
        return error_answer("permission-denied" if self.status == 403 else "key-revoked", upstream.dialect)
