"""The upstream answers, but late."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from switchover.domain.ports import Answer, OutboundRequest, Upstream

from .registry import fault


@fault("slow")
@dataclass(frozen=True, kw_only=True)
class Slow:
    """The upstream answers, but ``seconds`` late."""

    seconds: float = 30.0

    async def call(self, upstream: Upstream, request: OutboundRequest) -> Answer:
        """Waits, then asks; a caller who leaves ends the wait."""
        await asyncio.sleep(self.seconds)
        return await upstream.answer(request)
