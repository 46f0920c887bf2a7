"""A server of our own asked only what fits its context: it might drop the rest of the prompt and say nothing.

The bytes decide where they can; only a prompt in between is counted, by the server itself (1 ms on loopback).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from switchover.domain.ports import Answer, OutboundRequest, Upstream
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.errors import PromptTooLong

from .prompt_size import ANSWER_SHARE, BYTES_PER_TOKEN, TEMPLATE_TOKENS, Measured, measure, room

# Where a server counts a prompt of its dialect: llama.cpp in all three, vLLM in the last way, for the chat.
COUNTS = {
    "openai_chat": ("/v1/chat/completions/input_tokens", "/tokenize"),
    "anthropic_messages": ("/v1/messages/count_tokens",),
    "openai_responses": ("/v1/responses/input_tokens",),
}
COUNTED_FIELDS = frozenset(
    ["model", "messages", "system", "tools", "tool_choice", "functions", "input", "instructions", "response_format"]
)
COUNT_LIMIT_S = 10.0
MOST_COUNT_BYTES = 1 << 20
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Counted(msgspec.Struct):
    input_tokens: int | None = None
    count: int | None = None


_COUNTED = msgspec.json.Decoder(_Counted)


@dataclass(slots=True)
class Window:
    """The context of one server: ``tokens`` per slot (None: not known), and how to ask it for a count.

    ``root`` is its address without ``/v1``; ``template`` the tokens that its template adds to an empty conversation.
    """

    name: str
    tokens: int | None
    root: str
    secret: Secret | None
    client: Client
    template: int = TEMPLATE_TOKENS
    local: bool = False
    _way: dict[str, int] = field(default_factory=dict)

    async def check(self, dialect: str, body: bytes) -> None:
        """Raises PromptTooLong for a prompt that leaves no room for its answer, an UpstreamError as sending does."""
        window = self.tokens
        if window is None or len(body) + self.template <= window - window // ANSWER_SHARE:
            return
        found = measure(body)
        free = room(window, found.asked)
        if found.fewest > free:
            raise self._too_long(f"{found.fewest} or more", window, free)
        if not found.is_plain or len(body) + self.template <= free:
            return
        count = await self._count(dialect, body)
        said = str(count)
        if count is None:
            count = self._estimate(found)
            said = f"about {count}"
        if count > free:
            raise self._too_long(said, window, free)

    def _estimate(self, found: Measured) -> int:
        return found.text_bytes // BYTES_PER_TOKEN + self.template

    def _too_long(self, count: str, window: int, free: int) -> PromptTooLong:
        return PromptTooLong(
            f"the prompt has {count} tokens and {self.name} takes {free} (context {window}, the rest is for the "
            "answer); shorten it, or give the server more context"
        )

    async def _count(self, dialect: str, body: bytes) -> int | None:
        """The server's own count; None where it does not count. What it can't count, it will refuse by itself."""
        ways = COUNTS[dialect]
        way = self._way.get(dialect, 0)
        fields = _FIELDS.decode(body)
        asked = msgspec.json.encode({name: value for name, value in fields.items() if name in COUNTED_FIELDS})
        while way < len(ways):
            status, data = await self._post(ways[way], asked)
            if status == 200:
                try:
                    found = _COUNTED.decode(data or b"")
                except msgspec.DecodeError:
                    found = _Counted()
                count = found.input_tokens if found.input_tokens is not None else found.count
                if count is not None:
                    return count
            elif status not in (404, 405, 501):
                return None
            way = self._way[dialect] = way + 1
        return None

    async def _post(self, path: str, body: bytes) -> tuple[int, bytes | None]:
        headers = {"content-type": "application/json"}
        if self.secret is not None:
            headers |= {"authorization": f"Bearer {self.secret.reveal()}", "x-api-key": self.secret.reveal()}
        url = f"{self.root}{path}"
        answer = await self.client.request("POST", url, headers, body, answer_timeout=COUNT_LIMIT_S, local=self.local)
        try:
            return answer.status, await answer.whole(MOST_COUNT_BYTES)
        finally:
            answer.close()


def fitted(upstream: Upstream, window: Window) -> Upstream:
    """An upstream of our own behind its window, in every dialect in which it answers in words.

    A count of tokens is how it is told that a prompt is too long; of embeddings each text has the context to itself.
    """
    return Fitted(upstream, window) if upstream.dialect in COUNTS else upstream


class Fitted:
    """See :func:`fitted`."""

    def __init__(self, inner: Upstream, window: Window) -> None:
        self.name, self.model, self.dialect = inner.name, inner.model, inner.dialect
        self.others: Mapping[str, Upstream] = {name: fitted(one, window) for name, one in inner.others.items()}
        self._inner, self._window = inner, window

    async def answer(self, request: OutboundRequest) -> Answer:
        """See :class:`~switchover.domain.ports.Upstream`. Raises PromptTooLong for what does not fit."""
        await self._window.check(self.dialect, request.body)
        return await self._inner.answer(request)


def root_of(base_url: str) -> str:
    """A server's address without the ``/v1`` that OpenAI's SDK wants."""
    return base_url.rstrip("/").removesuffix("/v1")
