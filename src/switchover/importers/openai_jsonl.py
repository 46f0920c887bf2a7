"""OpenAI-style JSON lines: training examples, batches with their results, and requests logged with their answers.

Sources: platform.openai.com/docs/guides/supervised-fine-tuning (a list of messages, the assistant's last),
platform.openai.com/docs/api-reference/batch/request-input and /request-output, docs.claude.com/en/api/creating-message-
batches. A line ``{"request": …, "response": …}`` is what many a log keeps; the bodies may be of any of our dialects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .bodies import NO_ANSWER, UNKNOWN, dialect_at
from .found import Found, Item, Place, Skipped, Unfit, mapping, milliseconds, moment, text, unpacked
from .halves import Halves

NAME = "openai"
ASKED, ANSWERED, CONFUSED = "asked", "answered", "confused"
NO_REQUEST = "its request is in none of the files"
MEND_REQUEST = "give the batch's input file together with its output file"
TWICE = "several requests under one custom_id"
MEND_TWICE = "import each batch by itself: its input file and its output file"
# Of a training example, what is no part of a request.
_OF_A_LINE = ("metadata", "id", "created_at", "timestamp", "started_at")


def recognises(record: Any) -> bool:
    """Whether a record has one of the forms above."""
    if not isinstance(record, dict):
        return False
    if "request" in record and "response" in record:
        return True
    if isinstance(record.get("messages"), list):
        return True
    return "custom_id" in record and not record.keys().isdisjoint({"body", "params", "response", "result", "error"})


def read(record: Any, place: Place, halves: Halves) -> Iterator[Item]:
    """One exchange; or none yet, for a half of a batch."""
    if not recognises(record):
        raise Unfit(UNKNOWN)
    if "request" in record and "response" in record:
        yield _logged(record, place)
    elif "custom_id" in record:
        yield from _batched(record, place, halves)
    else:
        yield _trained(record, place)


def rest(halves: Halves) -> Iterator[Item]:
    """Requests without an answer, and answers without a request."""
    for waiting in halves.take_all():
        for side, place, _ in waiting:
            if side == CONFUSED:
                yield Skipped(Place(*place), TWICE, MEND_TWICE)
            elif side == ASKED:
                yield Skipped(Place(*place), NO_ANSWER)
            else:
                yield Skipped(Place(*place), NO_REQUEST, MEND_REQUEST)


def _trained(record: Mapping[str, Any], place: Place) -> Found:
    messages = record["messages"]
    if not messages or not isinstance(messages[-1], dict) or messages[-1].get("role") != "assistant":
        raise Unfit(NO_ANSWER, "a training example ends with the assistant's message")
    request = {name: value for name, value in record.items() if name not in _OF_A_LINE}
    return Found(
        place=place,
        request={**request, "messages": messages[:-1]},
        answer=messages[-1],
        dialect="openai_chat" if "system" not in record else None,
        model=text(record.get("model")),
        started_at=_begun(record),
        metadata=mapping(record.get("metadata")),
        fields=record,
    )


def _logged(record: Mapping[str, Any], place: Place) -> Found:
    request, response = unpacked(record["request"]), unpacked(record["response"])
    path = record.get("url") or record.get("path")
    if isinstance(request, dict) and "body" in request:
        path, request = request.get("url") or request.get("path") or path, request["body"]
    if isinstance(response, dict) and "body" in response:
        _check_status(response)
        response = response["body"]
    _check_status(record)
    body, request_body = mapping(response), mapping(request)
    begun = _begun(record)
    return Found(
        place=place,
        request=request,
        answer=response,
        own_id=text(record.get("id")) or text(body.get("id")),
        dialect=dialect_at(path),
        model=text(request_body.get("model")) or text(record.get("model")),
        started_at=begun if begun is not None else moment(body.get("created") or body.get("created_at")),
        elapsed_ms=milliseconds(begun, moment(record.get("ended_at"))) or 0.0,
        metadata=mapping(record.get("metadata")),
        fields=record,
    )


def _batched(record: Mapping[str, Any], place: Place, halves: Halves) -> Iterator[Item]:
    name = str(record["custom_id"])
    answered = not record.keys().isdisjoint({"response", "result", "error"})
    side, other = (ANSWERED, ASKED) if answered else (ASKED, ANSWERED)
    waiting = halves.look(name)
    if not waiting:
        if halves.is_full:
            raise Unfit("too many requests and answers wait for each other", MEND_TWICE)
        halves.keep(name, (side, place, record))
    elif waiting[0][0] == other:
        (_, there, half), *_ = halves.take(name)
        asked, answer = (half, record) if answered else (record, half)
        try:
            yield _joined(asked, answer, place if answered else Place(*there))
        except Unfit as unfit:
            yield Skipped(place if answered else Place(*there), unfit.reason, unfit.mend)
    elif waiting[0][2] != record:
        # Nobody can tell whose answer comes next; they stay here so that it finds nobody.
        halves.take(name)
        for _, there, half in [*waiting, (side, place, record)]:
            halves.keep(name, (CONFUSED, there, half))


def _joined(asked: Mapping[str, Any], answered: Mapping[str, Any], place: Place) -> Found:
    if answered.get("error"):
        raise Unfit("a failed call")
    request: Any = asked.get("body", asked.get("params"))
    response, result = mapping(answered.get("response")), mapping(answered.get("result"))
    if result and result.get("type", "succeeded") != "succeeded":
        raise Unfit("a failed call")
    _check_status(response)
    body = mapping(response.get("body") or result.get("message"))
    return Found(
        place=place,
        request=request,
        answer=body,
        own_id=text(answered.get("id")) or text(body.get("id")),
        dialect=dialect_at(asked.get("url")) or ("anthropic_messages" if "params" in asked else None),
        model=text(mapping(request).get("model")),
        started_at=moment(body.get("created") or body.get("created_at")),
        metadata=mapping(asked.get("metadata")),
        fields={**asked, **answered, "request": request},
    )


def _begun(record: Mapping[str, Any]) -> float | None:
    for name in ("started_at", "timestamp", "created_at", "created"):
        if (found := moment(record.get(name))) is not None:
            return found
    return None


def _check_status(record: Mapping[str, Any]) -> None:
    """Raises :class:`Unfit` for a call that says it failed."""
    status = record.get("status_code", record.get("status"))
    if record.get("error") or (isinstance(status, int) and not 200 <= status < 300):
        raise Unfit("a failed call")
