"""A request that ended, as spans: OTLP's JSON, attributes by OpenTelemetry's conventions for HTTP and for GenAI.

Conventions: https://github.com/open-telemetry/semantic-conventions-genai, ``client-inference.md`` (in development), on
semantic conventions 1.44. None of the attributes that hold messages, instructions or tools is set.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from switchover import __version__
from switchover.domain.exchange import EMBEDDINGS, TOKEN_COUNT, Exchange, Outcome
from switchover.domain.model_name import name_of
from switchover.domain.process import UpstreamSpec

from .trace import Trace, Try

Value = str | int | float | bool | None

SERVER, CLIENT = 2, 3
ERROR = {"code": 2}
SAMPLED, LOCAL_PARENT, REMOTE_PARENT = 1, 0x100, 0x300
# Where OpenTelemetry's name differs from that of the provider in our facts.
PROVIDERS = {
    "aws-bedrock": "aws.bedrock",
    "google": "gcp.gemini",
    "microsoft-azure": "azure.ai.openai",
    "mistral": "mistral_ai",
    "x-ai": "x_ai",
}
# OpenTelemetry has no name for a count; a value of our own is allowed.
OPERATIONS = {EMBEDDINGS: "embeddings", TOKEN_COUNT: "count_tokens"}
BROKEN = (Outcome.FAILED, Outcome.TRUNCATED)


def resource(worker: str) -> bytes:
    """What all spans of a worker have in common: the beginning of a batch, up to its first span."""
    about = {"service.name": "switchover", "service.version": __version__, "service.instance.id": worker}
    scope = {"name": "switchover.gateway", "version": __version__}
    head = {"resource": {"attributes": attributes(about)}, "scopeSpans": [{"scope": scope, "spans": []}]}
    return msgspec.json.encode({"resourceSpans": [head]}).removesuffix(END)


END = b"]}]}]}"


def request_spans(trace: Trace, exchange: Exchange, path: str, routes: tuple[str, ...], begun: float) -> list[bytes]:
    """The request's span and one per attempt. ``begun`` is when the request began, on the monotonic clock."""
    start = exchange.started_at
    end = start + exchange.elapsed_ms / 1000
    fields: dict[str, Value] = {
        "http.request.method": "POST",
        "http.route": path,
        "url.path": path,
        "url.scheme": "http",
        "http.response.status_code": exchange.status,
        "error.type": exchange.error_code if exchange.outcome in BROKEN else None,
        "switchover.exchange": exchange.id,
        "switchover.process": exchange.process,
        "switchover.route": exchange.route if exchange.route in routes else None,
        "switchover.upstream": exchange.upstream,
        "switchover.outcome": exchange.outcome.value,
        "switchover.attempts": len(exchange.attempts),
    }
    spans = [_server(trace, f"POST {path}", start, end, fields, broken=exchange.outcome in BROKEN)]
    for place, one in enumerate(trace.tries):
        spans.append(_attempt(trace, exchange, place, one, start + one.begun - begun, end))
    return spans


def refused_span(trace: Trace, path: str, start: float, elapsed: float, status: int) -> list[bytes]:
    """The span of a request that was refused before it was known whose it is."""
    fields: dict[str, Value] = {
        "http.request.method": "POST",
        "http.route": path,
        "url.path": path,
        "url.scheme": "http",
        "http.response.status_code": status,
        "switchover.outcome": Outcome.REJECTED.value,
    }
    return [_server(trace, f"POST {path}", start, start + elapsed, fields, broken=False)]


def _server(trace: Trace, name: str, start: float, end: float, fields: dict[str, Value], *, broken: bool) -> bytes:
    flags = SAMPLED | (REMOTE_PARENT if trace.parent else 0)
    return _span(trace, trace.span, trace.parent, name, SERVER, flags, start, end, fields, broken=broken)


def _attempt(trace: Trace, exchange: Exchange, place: int, one: Try, start: float, end: float) -> bytes:
    """One call to an upstream; the last one that answered lasts as long as its answer, a caller's leaving ends any."""
    record = exchange.attempts[place] if place < len(exchange.attempts) else None
    last = place == len(trace.tries) - 1 and exchange.upstream is not None
    fault = record.fault if record is not None else "caller-left"
    operation = OPERATIONS.get(exchange.dialect, "chat")
    fields: dict[str, Value] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": PROVIDERS.get(one.upstream.host, one.upstream.host),
        "gen_ai.request.model": one.upstream.model,
        "gen_ai.request.stream": True if exchange.stream else None,
        "error.type": fault,
        "switchover.upstream": one.upstream.name,
        **_address(one.upstream),
    }
    if record is not None:
        fields["http.response.status_code"] = record.status
        fields["gen_ai.prompt.version"] = record.prompt_version
        fields["switchover.cut_off"] = record.cut_off
    if last:
        fields |= _answer(exchange, start - exchange.started_at)
    elif record is not None:
        end = start + record.elapsed_ms / 1000
    name, broken = f"{operation} {one.upstream.model}", fault is not None and record is not None
    return _span(trace, one.span, trace.span, name, CLIENT, SAMPLED | LOCAL_PARENT, start, end, fields, broken=broken)


def _answer(exchange: Exchange, waited: float) -> dict[str, Value]:
    """What is known of an answer; ``waited`` is from the request's begin to that of the attempt."""
    first, usage = exchange.first_content_ms, exchange.usage
    return {
        "gen_ai.response.model": name_of(exchange.model),
        "gen_ai.response.time_to_first_chunk": first / 1000 - waited if exchange.stream and first is not None else None,
        "gen_ai.usage.input_tokens": usage.input if usage else None,
        "gen_ai.usage.output_tokens": usage.output if usage else None,
        "gen_ai.usage.cache_read.input_tokens": (usage.cached_input or None) if usage else None,
        "gen_ai.usage.cache_creation.input_tokens": (usage.written_input or None) if usage else None,
        "gen_ai.usage.reasoning.output_tokens": (usage.reasoning or None) if usage else None,
    }


def _address(spec: UpstreamSpec) -> dict[str, Value]:
    """An own engine's address changes with each start, and says nothing."""
    if spec.base_url is None:
        return {}
    parts = urlsplit(spec.base_url)
    return {"server.address": parts.hostname, "server.port": parts.port or (443 if parts.scheme == "https" else 80)}


def _span(
    trace: Trace,
    span: str,
    parent: str,
    name: str,
    kind: int,
    flags: int,
    start: float,
    end: float,
    fields: dict[str, Value],
    *,
    broken: bool,
) -> bytes:
    told: dict[str, object] = {
        "traceId": trace.id,
        "spanId": span,
        "name": name,
        "kind": kind,
        "flags": flags,
        "startTimeUnixNano": str(int(start * 1e9)),
        "endTimeUnixNano": str(int(end * 1e9)),
        "attributes": attributes(fields),
    }
    if parent:
        told["parentSpanId"] = parent
    if trace.state:
        told["traceState"] = trace.state
    if broken:
        told["status"] = ERROR
    return msgspec.json.encode(told)


def attributes(fields: dict[str, Value] | dict[str, str]) -> list[dict[str, object]]:
    """Attributes as OTLP has them; what is None is left out."""
    return [{"key": name, "value": _value(value)} for name, value in fields.items() if value is not None]


def _value(value: Value) -> dict[str, Value]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}
