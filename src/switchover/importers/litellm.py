"""LiteLLM's spend logs: what ``/spend/logs`` and ``/spend/logs/v2`` give, or the table ``LiteLLM_SpendLogs``.

Source: BerriAI/litellm, ``schema.prisma`` (LiteLLM_SpendLogs) and docs/proxy/ui_logs. ``proxy_server_request`` holds
the caller's body, ``messages`` in older versions its messages; without ``store_prompts_in_spend_logs`` all are empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from switchover.domain.exchange import Usage

from .bodies import UNKNOWN
from .found import Found, Item, Place, Unfit, count, mapping, milliseconds, moment, text, unpacked
from .halves import Halves

NAME = "litellm"
OFF = "LiteLLM did not store the prompt and the answer"
MEND_OFF = "set general_settings.store_prompts_in_spend_logs: true in LiteLLM; only later calls can be taken"
CUT = "LiteLLM cut it short"
MEND_CUT = "raise MAX_STRING_LENGTH_PROMPT_IN_DB in LiteLLM; only later calls are whole"
REDACTED = "LiteLLM redacted it"
MEND_REDACTED = "turn_off_message_logging was on; only calls without it can be taken"

# What the proxy puts among a request's metadata of who called, in some versions.
_CALLERS = ("user_api_key", "headers", "requester_", "litellm", "endpoint")
_KINDS = {
    "": None, "completion": None, "acompletion": None,
    "responses": "openai_responses", "aresponses": "openai_responses",
    "anthropic_messages": "anthropic_messages", "pass_through_endpoint": None,
}  # fmt: skip


def recognises(record: Any) -> bool:
    """Whether a record is a row of the spend logs."""
    return isinstance(record, dict) and {"request_id", "call_type", "startTime"} <= record.keys()


def read(record: Any, place: Place, halves: Halves) -> Iterator[Item]:
    """The exchange of one row."""
    if not recognises(record):
        raise Unfit(UNKNOWN)
    kind = str(record["call_type"])
    if kind not in _KINDS:
        raise Unfit("no call that a model answers in words")
    if str(record.get("status") or "success") != "success":
        raise Unfit("a failed call")
    request, answer = _request(record), unpacked(record.get("response"))
    if not request or not answer:
        raise Unfit(OFF, MEND_OFF)
    kept = msgspec.json.encode((request, answer))
    if b"(litellm_truncated" in kept:
        raise Unfit(CUT, MEND_CUT)
    if b"redacted-by-litellm" in kept:
        raise Unfit(REDACTED, MEND_REDACTED)
    begun, ended = moment(record["startTime"]), moment(record.get("endTime"))
    yield Found(
        place=place,
        request=request,
        answer=answer,
        own_id=text(record["request_id"]),
        dialect=_KINDS[kind],
        # Which deployment answered says more than the name it was asked by.
        model=_model(record),
        route=text(record.get("model_group")) or text(request.get("model")),
        started_at=begun,
        elapsed_ms=_elapsed(record, begun, ended),
        first_content_ms=milliseconds(begun, moment(record.get("completionStartTime"))),
        usage=Usage(input=count(record.get("prompt_tokens")), output=count(record.get("completion_tokens"))),
        metadata=mapping(request.get("metadata")),
        fields=record,
    )


def rest(halves: Halves) -> Iterator[Item]:
    """Nothing waits for another row."""
    return iter(())


def _request(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The caller's body; of a row that has only the messages, a body made of them."""
    body = mapping(record.get("proxy_server_request"))
    # The whole of the proxy's request is kept by some versions, its body by others.
    body = mapping(body.get("body")) or body
    if "messages" in body or "input" in body:
        given = mapping(body.get("metadata"))
        told = {name: value for name, value in given.items() if not name.startswith(_CALLERS)}
        return {**body, "metadata": told} if given else body
    messages = unpacked(record.get("messages"))
    if not messages:
        return {}
    asked = "input" if _KINDS[str(record["call_type"])] == "openai_responses" else "messages"
    if isinstance(messages, str) and asked == "messages":
        messages = [{"role": "user", "content": messages}]
    return {**body, "model": text(record.get("model_group")) or text(record.get("model")) or "", asked: messages}


def _model(record: Mapping[str, Any]) -> str | None:
    name, provider = text(record.get("model")), text(record.get("custom_llm_provider"))
    return name.removeprefix(f"{provider}/") if name and provider else name


def _elapsed(record: Mapping[str, Any], begun: float | None, ended: float | None) -> float:
    told = count(record.get("request_duration_ms"))
    return float(told) if told else milliseconds(begun, ended) or 0.0
