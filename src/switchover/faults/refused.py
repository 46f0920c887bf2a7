"""Nothing listens there any more."""

from __future__ import annotations

from dataclasses import dataclass

from switchover.domain.ports import Answer, OutboundRequest, Upstream
from switchover.errors import Unreachable

from .registry import fault


@fault("refused")
@dataclass(frozen=True, kw_only=True)
class Refused:
    """The connection is refused."""

    async def call(self, upstream: Upstream, request: OutboundRequest) -> Answer:
        """Fails as the client does when the port is closed; nothing is sent."""
        raise Unreachable(f"{upstream.name} refused the connection", fault="connect-refused")
