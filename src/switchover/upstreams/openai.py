"""Endpoints that speak OpenAI's formats: OpenAI itself, most hosts, and our own engines."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping

from switchover.dialects.side import CHAT_COUNT
from switchover.domain.exchange import EMBEDDINGS, TOKEN_COUNT
from switchover.domain.ports import Answer, OutboundRequest, Upstream
from switchover.domain.process import UpstreamSpec
from switchover.domain.secret import Secret
from switchover.egress import Client

from .headers import TRACE, passed

PASSED = frozenset(["openai-beta"]) | TRACE
PATHS = {
    "openai_chat": "/chat/completions",
    "openai_responses": "/responses",
    EMBEDDINGS: "/embeddings",
    CHAT_COUNT: "/chat/completions/input_tokens",
}
SPEAKS = {
    "chat": ("openai_chat",),
    "responses": ("openai_responses",),
    "both": ("openai_chat", "openai_responses"),
}


class OpenAIUpstream:
    """Endpoint + model + credential, in OpenAI's wire formats. ``base_url`` ends before ``/chat/completions``.

    ``others`` holds the same endpoint in the other format, where it has both; this one is the chat then. Its embeddings
    are there too: whether it makes any, the provider says. Our own engine also counts the tokens that a chat request
    would have it read, by the very code that reads them.
    """

    def __init__(
        self, spec: UpstreamSpec, base_url: str, secret: Secret | None, client: Client, *, dialect: str | None = None
    ) -> None:
        first, *more = (dialect,) if dialect is not None else (*SPEAKS[spec.speaks], EMBEDDINGS)
        self.name, self.model, self.dialect = spec.name, spec.model, first
        also = {other: other for other in more}
        if more and spec.kind == "local":
            also[TOKEN_COUNT] = CHAT_COUNT
        self.others: Mapping[str, Upstream] = {
            asked: OpenAIUpstream(spec, base_url, secret, client, dialect=other) for asked, other in also.items()
        }
        headers = {"content-type": "application/json"}
        if secret is not None:
            headers["authorization"] = f"Bearer {secret.reveal()}"
        url = f"{base_url.rstrip('/')}{PATHS[first]}"
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
