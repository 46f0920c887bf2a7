"""OpenTelemetry's GenAI spans and events as OTLP JSON: what the collector's file exporter writes, a request a line.

Sources: open-telemetry/opentelemetry-proto (JSON mapping: trace and span ids in hex, 64-bit numbers as text),
open-telemetry/semantic-conventions, docs/gen-ai: spans and their ``gen_ai.input.messages`` from v1.37 on, or the event
``gen_ai.client.inference.operation.details``; up to v1.36 one event a message, in the span or among the logs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from switchover.domain.exchange import Usage

from . import otel_messages
from .bodies import NO_ANSWER, UNKNOWN, chat_usage, completion
from .found import Found, Item, Place, Skipped, Unfit, count, milliseconds, moment, text, unpacked
from .halves import Halves

NAME = "otel"
DETAILS = "gen_ai.client.inference.operation.details"
OPERATIONS = frozenset({"chat", "generate_content", "text_completion"})
NO_CALL = "no model call"
NO_CONTENT = "the messages were not recorded"
MEND_CONTENT = (
    "have the instrumentation record them (OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT), and give the log file "
    "beside the trace file where it puts them into events; only later calls can be taken"
)
NO_SPAN = "its span is in none of the files"
SPAN, EVENT = "span", "event"
# Settings of the call: the attribute's last part, and the request's field.
_PARAMETERS = {
    "max_tokens": "max_tokens", "temperature": "temperature", "top_p": "top_p", "seed": "seed",
    "frequency_penalty": "frequency_penalty", "presence_penalty": "presence_penalty",
    "stop_sequences": "stop", "choice.count": "n",
}  # fmt: skip


def recognises(record: Any) -> bool:
    """Whether a record is a request of an exporter: spans or logs."""
    return isinstance(record, dict) and any(isinstance(record.get(k), list) for k in ("resourceSpans", "resourceLogs"))


def read(record: Any, place: Place, halves: Halves) -> Iterator[Item]:
    """The exchanges that a request tells by itself; what needs the other file is kept until the end."""
    if not recognises(record):
        raise Unfit(UNKNOWN)
    for resource, span in _within(record, "resourceSpans", "scopeSpans", "spans"):
        try:
            found = _of_span(span, resource, place, halves)
        except Unfit as unfit:
            yield Skipped(place, unfit.reason, unfit.mend)
        else:
            if found is not None:
                yield found
    for resource, log in _within(record, "resourceLogs", "scopeLogs", "logRecords"):
        attributes = _attributes(log)
        name = str(log.get("eventName") or attributes.get("event.name") or "")
        if name == DETAILS:
            try:
                yield _found(log, {**resource, **attributes}, _messages(attributes), place)
            except Unfit as unfit:
                yield Skipped(place, unfit.reason, unfit.mend)
            _keep(halves, log, (DETAILS, place, None))
        elif name in otel_messages.EVENTS:
            _keep(halves, log, (EVENT, place, [name, _any(log.get("body")), attributes, _nanoseconds(log)]))


def rest(halves: Halves) -> Iterator[Item]:
    """Spans with the messages that the logs held, and those of which there are none."""
    for waiting in halves.take_all():
        if any(kind == DETAILS for kind, _, _ in waiting):
            continue  # one event has told it all
        spans = [(place, value) for kind, place, value in waiting if kind == SPAN]
        events = sorted(_once((place, value) for kind, place, value in waiting if kind == EVENT), key=lambda e: e[3])
        if not spans:
            yield Skipped(Place(*waiting[0][1]), NO_SPAN, "give the trace file beside the log file")
        # The same span twice is one exchange, and has one id.
        for place, (span, resource) in spans:
            try:
                told = [(name, body, attributes) for name, body, attributes, _ in events]
                attributes = {**resource, **_attributes(span)}
                yield _found(span, attributes, otel_messages.of_events(told), Place(*place))
            except Unfit as unfit:
                yield Skipped(Place(*place), unfit.reason, unfit.mend)


def _once(events: Iterable[tuple[Sequence[int], list[Any]]]) -> Iterator[list[Any]]:
    """Events without those that stand in another record again, as in files that overlap."""
    first = dict[bytes, list[int]]()
    for place, event in events:
        if first.setdefault(msgspec.msgpack.encode(event), list(place)) == list(place):
            yield event


def _of_span(span: Mapping[str, Any], resource: Mapping[str, Any], place: Place, halves: Halves) -> Found | None:
    """The exchange of a span; None where its messages may be in the logs."""
    attributes = _attributes(span)
    operation = attributes.get("gen_ai.operation.name")
    if operation is None and "gen_ai.request.model" in attributes:
        operation = "chat"
    if str(operation) not in OPERATIONS:
        raise Unfit(NO_CALL)
    if _failed(span, attributes):
        raise Unfit("a failed call")
    told = _messages(attributes) or otel_messages.of_events(
        [(str(event.get("name")), None, _attributes(event)) for event in _objects(span.get("events"))]
    )
    if told is None:
        _keep(halves, span, (SPAN, place, (span, resource)))
        return None
    return _found(span, {**resource, **attributes}, told, place)


def _messages(attributes: Mapping[str, Any]) -> otel_messages.Told | None:
    return otel_messages.of_attributes(attributes) or otel_messages.of_numbered(attributes)


def _found(
    told_in: Mapping[str, Any], attributes: Mapping[str, Any], told: otel_messages.Told | None, place: Place
) -> Found:
    """The exchange that a span or an event tells."""
    if told is None:
        raise Unfit(NO_CONTENT, MEND_CONTENT)
    if not told.asked:
        raise Unfit("no request recorded")
    if told.answered is None:
        raise Unfit(NO_ANSWER)
    if _failed(told_in, attributes) or told.reason == "error":
        raise Unfit("a failed call")
    asked = text(attributes.get("gen_ai.request.model"))
    answered = text(attributes.get("gen_ai.response.model"))
    usage = _usage(attributes)
    request: dict[str, Any] = {"model": asked or answered or "", "messages": told.asked}
    for name, field in _PARAMETERS.items():
        if (value := attributes.get(f"gen_ai.request.{name}")) is not None:
            request[field] = value
    if told.tools:
        request["tools"] = told.tools
    begun = moment(told_in.get("startTimeUnixNano"))
    ended = moment(told_in.get("endTimeUnixNano"))
    if begun is None:
        begun = moment(told_in.get("timeUnixNano")) or moment(told_in.get("observedTimeUnixNano"))
    trace, span = text(told_in.get("traceId")), text(told_in.get("spanId"))
    reason = told.reason or next((str(r) for r in _listed(attributes.get("gen_ai.response.finish_reasons"))), None)
    return Found(
        place=place,
        request=request,
        answer=completion(
            told.answered,
            otel_messages.REASONS.get(reason or "", reason),
            id=text(attributes.get("gen_ai.response.id")),
            model=answered or asked,
            usage=chat_usage(usage) if usage else None,
        ),
        own_id=f"{trace.lower()}/{span.lower()}" if trace and span else None,
        dialect="openai_chat",
        model=asked or answered,
        started_at=begun,
        elapsed_ms=milliseconds(begun, ended) or 0.0,
        usage=usage,
        fields=attributes,
    )


def _failed(span: Mapping[str, Any], attributes: Mapping[str, Any]) -> bool:
    status = span.get("status")
    code = status.get("code") if isinstance(status, dict) else None
    return code in (2, "STATUS_CODE_ERROR") or bool(attributes.get("error.type"))


def _usage(attributes: Mapping[str, Any]) -> Usage | None:
    def tokens(*names: str) -> int:
        return next((count(attributes[n]) for n in (f"gen_ai.usage.{name}" for name in names) if n in attributes), 0)

    usage = Usage(
        input=tokens("input_tokens", "prompt_tokens"),
        output=tokens("output_tokens", "completion_tokens"),
        cached_input=tokens("cache_read.input_tokens"),
        written_input=tokens("cache_creation.input_tokens"),
        reasoning=tokens("reasoning.output_tokens"),
    )
    return usage if usage.input or usage.output else None


def _keep(halves: Halves, of: Mapping[str, Any], value: Any) -> None:
    if halves.is_full:
        raise Unfit("too many spans wait for their messages", "import the files of a shorter time at once")
    halves.keep(f"{of.get('traceId')}/{of.get('spanId')}".lower(), value)


def _within(
    record: Mapping[str, Any], outer: str, middle: str, inner: str
) -> Iterator[tuple[dict[str, Any], Mapping[str, Any]]]:
    """Spans or log records, each with the attributes of its resource."""
    for resource in _objects(record.get(outer)):
        about = resource.get("resource")
        attributes = _attributes(about) if isinstance(about, dict) else {}
        for scope in _objects(resource.get(middle)):
            for one in _objects(scope.get(inner)):
                yield attributes, one


def _attributes(of: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for pair in _objects(of.get("attributes")):
        if isinstance(pair.get("key"), str):
            found[pair["key"]] = _any(pair.get("value"))
    return found


def _any(value: Any) -> Any:
    """An ``AnyValue`` of the protocol as a plain value."""
    if not isinstance(value, dict):
        return None
    if "intValue" in value:
        try:
            return int(value["intValue"])
        except (TypeError, ValueError):
            return None
    if isinstance(value.get("arrayValue"), dict):
        return [_any(one) for one in _listed(value["arrayValue"].get("values"))]
    if isinstance(value.get("kvlistValue"), dict):
        pairs = _objects(value["kvlistValue"].get("values"))
        return {str(pair.get("key")): _any(pair.get("value")) for pair in pairs}
    return next((value[k] for k in ("stringValue", "doubleValue", "boolValue", "bytesValue") if k in value), None)


def _nanoseconds(log: Mapping[str, Any]) -> int:
    try:
        return int(log.get("timeUnixNano") or log.get("observedTimeUnixNano") or 0)
    except (TypeError, ValueError):
        return 0


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in _listed(value) if isinstance(one, dict))


def _listed(value: Any) -> Sequence[Any]:
    value = unpacked(value)
    return value if isinstance(value, list) else ()
