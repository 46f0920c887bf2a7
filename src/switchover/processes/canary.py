"""An engine asked itself: what it runs, and whether it generates. A port that listens proves neither."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from switchover.clock import Clock
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.errors import EngineFailed, UpstreamError
from switchover.upstreams.local import EngineFacts, Place
from switchover.upstreams.templates import digest_of

# A first token may wait for weights of many gigabytes to be read from a cold disk.
FIRST_WORD_S = 100.0
MOST_BYTES = 4 << 20
ASK = msgspec.json.encode({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1})
DECODED = re.compile(rb"^llamacpp:n_decode_total (\S+)", re.MULTILINE)


async def first_word(name: str, url: str, key: Secret, template: str, clock: Clock) -> EngineFacts:
    """Has a fresh engine generate one token, and says what it runs.

    Raises EngineFailed when it runs another chat template than ``template`` or generates nothing, an UpstreamError when
    it does not answer.
    """
    engine = _Engine(url, key, Client(clock))
    props: dict[str, Any] = msgspec.json.decode(await engine.ask("GET", "/props"))
    running = str(props.get("chat_template") or "")
    if digest_of(running) != digest_of(template):
        raise EngineFailed(
            f"{name} runs the chat template {digest_of(running)}, not {digest_of(template)} which it was given",
            mend="set chat_template to a template that the engine takes as it is",
        )
    counted = msgspec.json.decode(await engine.ask("POST", "/v1/chat/completions/input_tokens", ASK))
    answer = msgspec.json.decode(await engine.ask("POST", "/v1/chat/completions", ASK))
    if not answer.get("choices"):
        raise EngineFailed(f"{name} generates nothing", mend="use other weights; these load but do not answer")
    return EngineFacts(
        template=digest_of(running),
        context=int(props["default_generation_settings"]["n_ctx"]),
        template_tokens=int(counted["input_tokens"]),
    )


@dataclass(slots=True)
class Pulse:
    """Whether a running engine still generates, asked again and again.

    One that decoded for a caller since the last time lives, and is not disturbed; else it is asked for one token. A
    busy engine may not get to that in time: what counts then is that it got further. ``limit``: seconds for a step, in
    which the slowest machine reads 512 tokens of a prompt.
    """

    client: Client
    limit: float = 60.0
    _seen: tuple[int, float] = (0, -1.0)

    async def beats(self, place: Place) -> bool:
        """False when the engine neither generates nor got any further."""
        engine = _Engine(place.url, place.key, self.client, self.limit)
        try:
            if await self._got_further(engine, place.pid):
                return True
            with contextlib.suppress(UpstreamError):
                await engine.ask("POST", "/v1/chat/completions", ASK)
            return await self._got_further(engine, place.pid)
        except UpstreamError:
            return False

    async def _got_further(self, engine: _Engine, pid: int) -> bool:
        before = self._seen
        found = DECODED.search(await engine.ask("GET", "/metrics"))
        self._seen = (pid, float(found[1]) if found else 0.0)
        return before[0] == pid and self._seen[1] > before[1]


class _Engine:
    """Asks one engine; whatever is no answer is an UpstreamError."""

    def __init__(self, url: str, key: Secret, client: Client, limit: float = FIRST_WORD_S) -> None:
        self._url, self._client, self._limit = url, client, limit
        self._headers = {"authorization": f"Bearer {key.reveal()}", "content-type": "application/json"}

    async def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        answer = await self._client.request(
            method, f"{self._url}{path}", self._headers, body, answer_timeout=self._limit, local=True
        )
        try:
            data = await answer.whole(MOST_BYTES)
        finally:
            answer.close()
        if answer.status != 200 or data is None:
            raise UpstreamError(f"{path} answers {answer.status}", seen_status=answer.status)
        return data
