"""Endpoints that speak OpenAI's chat format: OpenAI itself, most hosts, and our own engines."""

from __future__ import annotations

from switchover.domain.ports import Answer, OutboundRequest
from switchover.domain.process import UpstreamSpec
from switchover.domain.secret import Secret
from switchover.egress import Client

from .headers import passed

PASSED = frozenset(["openai-beta"])


class OpenAIUpstream:
    """Endpoint + model + credential, in OpenAI's wire format. ``base_url`` ends before ``/chat/completions``."""

    dialect = "openai_chat"

    def __init__(self, spec: UpstreamSpec, base_url: str, secret: Secret | None, client: Client) -> None:
        self.name, self.model = spec.name, spec.model
        headers = {"content-type": "application/json"}
        if secret is not None:
            headers["authorization"] = f"Bearer {secret.reveal()}"
        url = f"{base_url.rstrip('/')}/chat/completions"
        self._client = client
        self._endpoint = client.prepare("POST", url, headers, local=spec.is_own)

    async def answer(self, request: OutboundRequest) -> Answer:
        """See :class:`~switchover.domain.ports.Upstream`."""
        return await self._client.send(
            self._endpoint,
            request.body,
            extra=passed(request.headers, PASSED),
            connect_timeout=request.connect_timeout,
            answer_timeout=request.answer_timeout,
        )
