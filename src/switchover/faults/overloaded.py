"""The provider is too busy for anyone."""

from __future__ import annotations

from dataclasses import dataclass

from switchover.domain.ports import Answer, OutboundRequest, Upstream

from .answers import error_answer
from .registry import fault


@fault("overloaded")
@dataclass(frozen=True, kw_only=True)
class Overloaded:
    """529: overloaded."""

    async def call(self, upstream: Upstream, request: OutboundRequest) -> Answer:
        """Answers as the provider would; nothing is sent to it."""
        return error_answer("overloaded", upstream.dialect)
