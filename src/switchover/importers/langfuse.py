"""Langfuse's observations of type GENERATION: an export of the table, of the blob storage, or pages of the API.

Sources: langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields (snake case) and
/observations-api (camel case). Inputs and outputs are what the application handed over: a body, messages or a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from switchover.domain.exchange import Usage

from .bodies import NO_ANSWER, UNKNOWN
from .found import Found, Item, Place, Unfit, count, mapping, milliseconds, moment, text, unpacked
from .halves import Halves

NAME = "langfuse"
MEDIA = "an attachment that Langfuse keeps elsewhere"
# Settings of a model call that a request has by the same name.
_PARAMETERS = frozenset({
    "temperature", "top_p", "max_tokens", "max_completion_tokens", "max_output_tokens", "frequency_penalty",
    "presence_penalty", "seed", "stop", "n", "response_format", "tools", "tool_choice", "parallel_tool_calls",
    "reasoning_effort", "top_k", "stop_sequences",
})  # fmt: skip


def recognises(record: Any) -> bool:
    """Whether a record is an observation."""
    if not isinstance(record, dict) or not {"id", "type"} <= record.keys():
        return False
    return not record.keys().isdisjoint({"traceId", "trace_id"}) and "input" in record and "output" in record


def read(record: Any, place: Place, halves: Halves) -> Iterator[Item]:
    """The exchange of one observation."""
    if not recognises(record):
        raise Unfit(UNKNOWN)
    if record["type"] != "GENERATION":
        raise Unfit("no generation")
    if record.get("level") == "ERROR":
        raise Unfit("a failed call")
    kept = msgspec.json.encode((record["input"], record["output"]))
    if b"@@@langfuseMedia:" in kept:
        raise Unfit(MEDIA)
    begun = moment(_of(record, "startTime"))
    model = text(_of(record, "providedModelName")) or text(record.get("model")) or text(_of(record, "providedModel"))
    usage = _usage(record)
    yield Found(
        place=place,
        request=_request(record["input"], _of(record, "modelParameters"), model),
        answer=_answer(record["output"]),
        own_id=f"{_of(record, 'projectId') or ''}/{record['id']}",
        model=model,
        started_at=begun,
        elapsed_ms=milliseconds(begun, moment(_of(record, "endTime"))) or 0.0,
        first_content_ms=milliseconds(begun, moment(_of(record, "completionStartTime"))),
        usage=usage,
        metadata=mapping(record.get("metadata")),
        fields=record,
    )


def rest(halves: Halves) -> Iterator[Item]:
    """Nothing waits for another observation."""
    return iter(())


def _of(record: Mapping[str, Any], name: str) -> Any:
    """A field by its name in the API, or by the one in the blob storage."""
    if name in record:
        return record[name]
    return record.get("".join(f"_{c.lower()}" if c.isupper() else c for c in name))


def _request(kept: Any, parameters: Any, model: str | None) -> Any:
    """The input as a body, with the settings of the call that it does not have itself."""
    kept = unpacked(kept)
    if isinstance(kept, str):
        kept = [{"role": "user", "content": kept}] if kept.strip() else []
    if isinstance(kept, dict) and "role" in kept:
        kept = [kept]
    body: Any = {"messages": kept} if isinstance(kept, list) else kept
    if not isinstance(body, dict) or not (body.get("messages") or body.get("input")):
        raise Unfit("no request recorded" if not kept else UNKNOWN)
    given = {k: unpacked(v) for k, v in mapping(parameters).items() if k in _PARAMETERS and v not in (None, "", "None")}
    return {**({"model": model} if model else {}), **_numbers(given), **body}


def _numbers(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings whose numbers were kept as text, as numbers."""
    found = {}
    for name, value in given.items():
        try:
            found[name] = msgspec.json.decode(value) if isinstance(value, str) else value
        except msgspec.DecodeError:
            found[name] = value
    return found


def _answer(kept: Any) -> Any:
    """The output; an object that is no answer's form is a text that Langfuse took apart, as it does with JSON."""
    kept = unpacked(kept)
    if not kept:
        raise Unfit(NO_ANSWER)
    forms = {"choices", "content", "tool_calls", "output", "error"}
    if isinstance(kept, dict) and kept.keys().isdisjoint(forms):
        return {"role": "assistant", "content": msgspec.json.encode(kept).decode()}
    if isinstance(kept, list) and not all(isinstance(one, dict) and ("role" in one or "type" in one) for one in kept):
        return {"role": "assistant", "content": msgspec.json.encode(kept).decode()}
    if isinstance(kept, int | float):
        return {"role": "assistant", "content": msgspec.json.encode(kept).decode()}
    return kept


def _usage(record: Mapping[str, Any]) -> Usage | None:
    details = mapping(_of(record, "usageDetails")) or mapping(record.get("usage"))
    if not details:
        return None
    cached = count(details.get("input_cached_tokens") or details.get("cache_read_input_tokens"))
    return Usage(
        # Langfuse counts what was read from a cache apart.
        input=count(details.get("input") or details.get("promptTokens")) + cached,
        output=count(details.get("output") or details.get("completionTokens"))
        + count(details.get("output_reasoning_tokens")),
        cached_input=cached,
        reasoning=count(details.get("output_reasoning_tokens")),
    )
