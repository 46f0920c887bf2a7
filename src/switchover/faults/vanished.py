"""The model is gone."""

from __future__ import annotations

from dataclasses import dataclass

from switchover.domain.ports import Answer, OutboundRequest, Upstream

from .answers import error_answer
from .registry import fault


@fault("vanished")
@dataclass(frozen=True, kw_only=True)
class Vanished:
    """404: the model does not exist any more, as on 12 June 2026 (``facts/events.yaml``, fable5-export-directive)."""

    async def call(self, upstream: Upstream, request: OutboundRequest) -> Answer:
        """Answers as the provider would; nothing is sent to it."""
        return error_answer("model-missing", upstream.dialect)
