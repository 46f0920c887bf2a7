"""Endpoints that speak Anthropic's messages format."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping

from switchover.domain.exchange import TOKEN_COUNT
from switchover.domain.ports import Answer, OutboundRequest, Upstream
from switchover.domain.process import UpstreamSpec
from switchover.domain.secret import Secret
from switchover.egress import Client

from .headers import TRACE, passed

PATHS = {"anthropic_messages": "/v1/messages", TOKEN_COUNT: "/v1/messages/count_tokens"}
PASSED = frozenset(["anthropic-beta"]) | TRACE
# The only version of the wire format there is: platform.claude.com/docs/en/api/versioning.
VERSION = "2023-06-01"


class AnthropicUpstream:
    """Endpoint + model + credential, in Anthropic's wire format. ``base_url`` ends before ``/v1/messages``.

    ``others`` holds the same endpoint's count of tokens.
    """

    def __init__(
        self,
        spec: UpstreamSpec,
        base_url: str,
        secret: Secret | None,
        client: Client,
        *,
        dialect: str = "anthropic_messages",
    ) -> None:
        self.name, self.model, self.dialect = spec.name, spec.model, dialect
        headers = {"content-type": "application/json", "anthropic-version": VERSION}
        if secret is not None:
            headers["x-api-key"] = secret.reveal()
        url = f"{base_url.rstrip('/')}{PATHS[dialect]}"
        more = (TOKEN_COUNT,) if dialect != TOKEN_COUNT else ()
        self.others: Mapping[str, Upstream] = {
            other: AnthropicUpstream(spec, base_url, secret, client, dialect=other) for other in more
        }
        self._client = client
        self._endpoint = client.prepare("POST", url, headers, local=spec.is_own)

    def answer(self, request: OutboundRequest) -> Coroutine[None, None, Answer]:
        """See :class:`~switchover.domain.ports.Upstream`."""
        return self._client.send(
            self._endpoint,
            request.body,
            extra=passed(request.headers, PASSED) if request.headers else None,
            name=request.name,
            connect_timeout=request.connect_timeout,
            answer_timeout=request.answer_timeout,
        )
