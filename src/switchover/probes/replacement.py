"""Whether an upstream would answer at all, asked with its real key: key, model, stream, tools, time to first content.

One tiny streamed request, and a second one with a tool where live requests use tools. None of anybody's data is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from switchover.clock import Clock
from switchover.costs.estimates import BYTES_PER_TOKEN
from switchover.dialects import DIALECTS
from switchover.dialects.across import translate_request
from switchover.domain.charge import Ending
from switchover.domain.exchange import Length, Usage
from switchover.domain.model_name import told
from switchover.domain.ports import Answer, OutboundRequest, Truncated, Upstream
from switchover.domain.process import UpstreamSpec
from switchover.domain.watching import Probe
from switchover.errors import (
    AddressRefused,
    ConfigError,
    Cut,
    Denied,
    Malformed,
    ModelMissing,
    ModelSwapped,
    RegionRefused,
    RequestRejected,
    TooSlow,
    UpstreamError,
)
from switchover.upstreams.classify import classify, classify_failure

LIMIT_S = 60.0
MOST_BYTES = 1 << 20
CHAT = "openai_chat"
# Told of each answer: the usage, if its upstream said it, what was asked and heard, and how it ended.
Bill = Callable[[Usage | None, Length, Ending], None]
# What such a call can cost, in tokens: a model that thinks first may write a while before it says a word.
READS, WRITES = 200, 1000
ASKED_BYTES = READS * BYTES_PER_TOKEN
SAY = [{"role": "user", "content": "Answer with the one word: ready"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "report",
        "description": "Reports that everything is ready.",
        "parameters": {"type": "object", "properties": {"ready": {"type": "boolean"}}, "required": ["ready"]},
    },
}
# The most specific first: what an error means for a replacement.
FAILED: tuple[tuple[type[UpstreamError], str], ...] = (
    (ModelMissing, "model"),
    (ModelSwapped, "model"),
    (RegionRefused, "refused"),
    (AddressRefused, "refused"),
    (Denied, "key"),
    (RequestRejected, "answer"),
    (Cut, "stream"),
    (Malformed, "stream"),
)


async def probe_upstream(upstream: Upstream, spec: UpstreamSpec, clock: Clock, *, tools: bool, bill: Bill) -> Probe:
    """One probe, whose answers are told to ``bill``; ``tools``: live requests use tools, so that it is offered one."""
    try:
        first_ms = await _first_word(upstream, spec, clock, bill)
    except UpstreamError as error:
        return _failed(spec, clock, failed_in(error), error)
    if tools:
        try:
            await _offer(upstream, spec, bill)
        except UpstreamError as error:
            return _failed(spec, clock, "tools", error, first_ms)
    return Probe(
        upstream=spec.name,
        at=clock.now(),
        failed=None,
        fault=None,
        said=f"answers, first content after {first_ms:.0f} ms{', takes tools' if tools else ''}",
        first_ms=first_ms,
    )


def without_key(spec: UpstreamSpec, error: ConfigError, at: float) -> Probe:
    """The probe of an upstream whose key can't be read here, so that nobody can ask it."""
    said = f"its key can't be read: {error.got} at {error.at}; want {error.want}"
    return Probe(upstream=spec.name, at=at, failed="key", fault=None, said=said)


def failed_in(error: UpstreamError) -> str:
    """What an upstream failed in, in one word."""
    return next((word for kind, word in FAILED if isinstance(error, kind)), "reach")


def _failed(
    spec: UpstreamSpec, clock: Clock, failed: str, error: UpstreamError, first_ms: float | None = None
) -> Probe:
    # A provider's message may quote what was sent, which was ours; its key is redacted where errors are read.
    said = str(error).partition("\n")[0][:300]
    return Probe(upstream=spec.name, at=clock.now(), failed=failed, fault=error.fault, said=said, first_ms=first_ms)


async def _first_word(upstream: Upstream, spec: UpstreamSpec, clock: Clock, bill: Bill) -> float:
    """Milliseconds to the first content of a streamed answer that came to its end."""
    decoder = DIALECTS[upstream.dialect].decoder()
    begun, first, size = clock.monotonic(), 0.0, 0
    answer = await _asked(upstream, spec, stream=True)
    try:
        async with asyncio.timeout(LIMIT_S):
            async for chunk in answer.chunks():
                decoder.feed(chunk)
                size += len(chunk)
                if decoder.committed and not first:
                    first = (clock.monotonic() - begun) * 1000
                if decoder.failure is not None:
                    raise classify_failure(decoder.failure, spec.name)
                if size > MOST_BYTES:
                    raise Cut(f"{spec.name} says more than it was asked for", fault="runaway-output")
    except TimeoutError:
        raise TooSlow(f"{spec.name} did not answer within {LIMIT_S:.0f} s") from None
    finally:
        answer.close()
    end, length = decoder.close(), Length(asked=ASKED_BYTES, said=size)
    if isinstance(end, Truncated):
        bill(None, length, Ending.CUT)
        raise classify_failure((end.why, None, "the stream ended too soon"), spec.name)
    bill(end.usage, length, Ending.ANSWERED)
    if decoder.model is not None and not spec.answers_to(decoder.model):
        raise ModelSwapped(f"{spec.name} answers as {told(decoder.model)}, asked for {spec.model}")
    return first


async def _offer(upstream: Upstream, spec: UpstreamSpec, bill: Bill) -> None:
    """Offers a tool: an upstream that takes none says so; whether its model calls it is a rehearsal's affair."""
    answer = await _asked(upstream, spec, stream=False)
    try:
        async with asyncio.timeout(LIMIT_S):
            whole = await answer.whole(MOST_BYTES)
    except TimeoutError:
        raise TooSlow(f"{spec.name} did not answer within {LIMIT_S:.0f} s") from None
    finally:
        answer.close()
    if whole is None:
        raise Cut(f"{spec.name} says more than it was asked for", fault="runaway-output")
    read = DIALECTS[upstream.dialect].read_answer(whole)
    bill(read.usage, Length(asked=ASKED_BYTES, said=len(whole)), Ending.ANSWERED)


async def _asked(upstream: Upstream, spec: UpstreamSpec, *, stream: bool) -> Answer:
    """The answer at its head. Raises UpstreamError for one that is none."""
    request: dict[str, object] = {"model": upstream.model, "messages": SAY}
    if stream:
        request["stream"] = True
    else:
        request["tools"] = [TOOL]
    if spec.is_self_hosted:
        # Elsewhere a model that thinks would spend a small limit before its first word.
        request["max_tokens"] = 16
    body = msgspec.json.encode(request)
    if upstream.dialect != CHAT:
        body = translate_request(body, CHAT, upstream.dialect, upstream.model)[0]
    answer = await upstream.answer(OutboundRequest(body=body, stream=stream, answer_timeout=LIMIT_S))
    if answer.status < 300:
        return answer
    try:
        said = await answer.whole(MOST_BYTES)
    finally:
        answer.close()
    raise classify(answer.status, answer.headers, said or b"", spec.name)
