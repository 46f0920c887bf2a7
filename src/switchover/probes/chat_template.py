"""The chat template that a server of our own runs, where it tells: llama.cpp and Ollama do, vLLM and SGLang do not."""

from __future__ import annotations

from typing import Any

import msgspec

from switchover.domain.process import UpstreamSpec
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.errors import UpstreamError
from switchover.upstreams.fitted import root_of
from switchover.upstreams.templates import digest_of

LIMIT_S = 5.0
MOST_BYTES = 4 << 20


async def ask_template(spec: UpstreamSpec, secret: Secret | None, client: Client) -> str | None:
    """The digest of the template that the server at ``spec.base_url`` runs; None when it does not tell.

    Raises UpstreamError when there is no server to ask.
    """
    root = root_of(spec.base_url or "")
    headers = {"content-type": "application/json"}
    if secret is not None:
        headers["authorization"] = f"Bearer {secret.reveal()}"
    asked = msgspec.json.encode({"model": spec.model})
    for method, path, body, field in (
        ("GET", "/props", b"", "chat_template"),
        ("POST", "/api/show", asked, "template"),
    ):
        answer = await client.request(method, f"{root}{path}", headers, body, answer_timeout=LIMIT_S)
        try:
            data = await answer.whole(MOST_BYTES)
        finally:
            answer.close()
        if answer.status in (429, 500, 502, 503, 504):
            raise UpstreamError(f"{spec.name} can't say now which chat template it runs", seen_status=answer.status)
        if answer.status == 200 and data is not None and (text := _field(data, field)):
            return digest_of(text)
    return None


def _field(data: bytes, name: str) -> str:
    try:
        said: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return ""
    found = said.get(name) if isinstance(said, dict) else None
    return found if isinstance(found, str) else ""
