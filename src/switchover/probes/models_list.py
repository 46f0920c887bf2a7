"""What an endpoint lists of its models: whether ours is among them, until when it is there, how much it reads.

OpenAI gives a model's ``shutdown_date`` (``facts/vendors.yaml``); vLLM and SGLang give ``max_model_len``, Mistral
``max_context_length`` and ``deprecation``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from switchover.domain.process import UpstreamSpec
from switchover.domain.secret import Secret
from switchover.egress import Client
from switchover.errors import Malformed
from switchover.upstreams.classify import classify

LIMIT_S = 15.0
MOST_BYTES = 8 << 20
GONE = ("shutdown_date", "deprecation")
READS = ("max_model_len", "max_context_length", "context_length")


@dataclass(frozen=True, slots=True)
class Listed:
    """An endpoint's entry for a model: the first day (ISO date) on which it is gone, and the tokens that it reads.

    None for what is not told; ``source`` says where it was.
    """

    source: str
    gone: str | None
    context: int | None


async def ask_models(spec: UpstreamSpec, secret: Secret | None, client: Client) -> Listed | None:
    """The entry for ``spec.model`` in ``GET /models`` of an endpoint in OpenAI's format; None where there is none.

    Raises UpstreamError when the list can't be had.
    """
    url = f"{(spec.base_url or '').rstrip('/')}/models"
    headers = {} if secret is None else {"authorization": f"Bearer {secret.reveal()}"}
    answer = await client.request("GET", url, headers, answer_timeout=LIMIT_S)
    try:
        data = await answer.whole(MOST_BYTES)
    finally:
        answer.close()
    if data is None:
        raise Malformed(f"{spec.name} lists more models than anybody could have")
    if answer.status >= 300:
        raise classify(answer.status, answer.headers, data, spec.name)
    entry = _entry(data, spec.model)
    if entry is None:
        return None
    gone = next((found for name in GONE if (found := day_of(entry.get(name))) is not None), None)
    context = next((entry[name] for name in READS if isinstance(entry.get(name), int)), None)
    return Listed(f"GET {url}", gone, context)


def day_of(value: Any) -> str | None:
    """A day as providers write it: a date, a moment, or Unix seconds; None for what is none of these."""
    try:
        if isinstance(value, str):
            return date.fromisoformat(value[:10]).isoformat()
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return datetime.fromtimestamp(value, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _entry(data: bytes, model: str) -> dict[str, Any] | None:
    try:
        whole = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return None
    rows = whole.get("data") if isinstance(whole, dict) else whole
    found = (one for one in rows if isinstance(one, dict) and one.get("id") == model) if isinstance(rows, list) else ()
    return next(iter(found), None)
