"""One attempt: the request as this upstream takes it, and its answer up to the commit point."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from switchover import prompts
from switchover.dialects.across import StreamTranslator, translate_answer, translate_request
from switchover.dialects.going_on import with_usage
from switchover.dialects.provider_fallback import (
    without_abandoned,
    without_asking,
    without_fields,
)
from switchover.dialects.side import NEEDS_VECTORS, SIDE
from switchover.domain.candidate import PromptKind
from switchover.domain.cut_off import CutOff
from switchover.domain.ports import Answer, OutboundRequest, Upstream
from switchover.domain.process import UpstreamSpec
from switchover.errors import (
    BadRequest,
    Cut,
    EmptyAnswer,
    Malformed,
    ModelMissing,
    PromptTooLong,
    ReasoningOnly,
    RunawayOutput,
    SwitchoverError,
    UpstreamError,
)
from switchover.faults import FAULTS
from switchover.planning import Attempt
from switchover.upstreams.classify import classify
from switchover.upstreams.prompt_size import check_read, shortened

from .admit import FORMATS, AnyDialect, Call
from .amount import Amount
from .form import FORMED, check_form
from .opened import LOST_REASONING, Opened, Stream, opened_stream

MAX_ERROR_BYTES = 65_536
CHAT = "openai_chat"
OPTIONS = b'"stream_options"'
# Whose streams tell the usage unasked, and who refuses a field it does not know (docs.mistral.ai/api).
TELL_UNASKED = ("mistral",)
MAX_ANSWER_BYTES = 33_554_432
# Bytes of an answer that is held, to one look at whether it is too long.
CHECK_EVERY = 4096
Artefacts = Callable[[str], bytes]
# From an upstream to the same in the dialect it is to be asked in, the request, and what had to be left out of it.
AskWith = Callable[[Upstream], tuple[Upstream, bytes, tuple[str, ...]]]


def speaking(upstream: Upstream, call: Call, attempt: Attempt) -> Upstream:
    """The upstream in the caller's dialect if it speaks that, and no prompt version has to be applied in the chat's."""
    if call.dialect.name in SIDE:
        # Never asked in words instead: planning names only who can.
        return upstream.others[call.dialect.name]
    version = attempt.prompt_version
    if version is not None and version.kind is not PromptKind.AS_IS:
        return upstream
    return upstream.others.get(call.dialect.name, upstream)


def render(call: Call, attempt: Attempt, dialect: str, artefacts: Artefacts) -> tuple[bytes, tuple[str, ...]]:
    """The request as the upstream takes it, and what had to be left out of it. Raises BadRequest when it can't be."""
    # What is only counted is written as what would be answered.
    model, source, dialect = attempt.upstream.model, call.dialect.written, FORMATS[dialect].written
    version = attempt.prompt_version
    body, dropped = _plain(call)
    if version is None or version.kind is PromptKind.AS_IS:
        if source == dialect:
            return call.dialect.with_model(body, model), dropped
        body, more = translate_request(body, source, dialect, model)
        return body, dropped + more
    if source != "openai_chat":
        body, more = translate_request(body, source, "openai_chat", model)
        dropped += more
    try:
        artefact = artefacts(version.artefact) if version.artefact else None
        body = msgspec.json.encode(prompts.apply(version, msgspec.json.decode(body), artefact, model=model))
    except BadRequest:
        raise
    except (SwitchoverError, OSError, ValueError, LookupError, TypeError) as cause:
        said = f"{attempt.upstream.name}: the prompt version {version.id} can't be applied"
        raise ModelMissing(said, fault="weights-missing") from cause
    if dialect != "openai_chat":
        body, more = translate_request(body, "openai_chat", dialect, model)
        dropped += more
    return body, dropped


def telling_usage(call: Call, spec: UpstreamSpec, dialect: str, body: bytes) -> bytes:
    """A chat's request that has the end of its stream tell what was used: a budget is settled with that.

    The chunk that tells it is kept from callers who did not ask for it.
    """
    if dialect != CHAT or not call.peek.stream or call.peek.include_usage or spec.host in TELL_UNASKED:
        return body
    if call.dialect.name != CHAT or OPTIONS in body:
        # Translated ones ask already, and what the caller says beside is kept.
        return with_usage(body)
    start = body.index(b"{") + 1
    return b'{"stream_options":{"include_usage":true},' + body[start:]


def _plain(call: Call) -> tuple[bytes, tuple[str, ...]]:
    """The request without what would let its provider answer with another model, unless the route allows that.

    Vectors of another model are of no use to any route.
    """
    if call.process.provider_fallback and NEEDS_VECTORS not in call.peek.needs:
        return call.body, ()
    names = call.peek.substitutes
    body = without_fields(call.body, names) if names else call.body
    return (body, names + without_asking(call.passed)[1]) if names or call.passed else (body, ())


def meets(cut: CutOff | None, exchange: str) -> CutOff | None:
    """The drilled cut-off if this exchange is in its share."""
    return cut if cut is not None and cut.reaches(exchange) else None


def ask(call: Call, upstream: Upstream, body: bytes, cut: CutOff | None, number: int) -> Awaitable[Answer]:
    """The upstream's answer at its head; behind a fault when a drill says so. ``number`` is the attempt's."""
    headers = call.passed if call.trace is None else call.trace.passed(call.passed)
    if headers and not call.process.provider_fallback:
        headers = without_asking(headers)[0]
    name, stream = f"{call.id}-{number}", call.peek.stream
    request = OutboundRequest(body=body, stream=stream, headers=headers, name=name, answer_timeout=math.inf)
    if cut is None or cut.fault is None:
        return upstream.answer(request)
    answer: Awaitable[Answer] = FAULTS[cut.fault](**cut.settings).call(upstream, request)
    return answer


async def open_answer(
    call: Call,
    attempt: Attempt,
    upstream: Upstream,
    answer: Answer,
    dropped: tuple[str, ...],
    asked: bytes,
    *,
    may_be_empty: bool = False,
) -> Opened:
    """Reads an answer up to its commit point, or to its end where nothing may be relayed before.

    ``asked`` is the request as the upstream got it. Raises an UpstreamError for whatever is no answer. The caller of
    this function closes ``answer`` then.
    """
    if not 200 <= answer.status < 300:
        error = classify(answer.status, answer.headers, await _some(answer, MAX_ERROR_BYTES), upstream.name)
        if attempt.upstream.is_self_hosted and error.fault == "context-too-long":
            # A server of our own may have less context than a replacement: no fault of the request's.
            raise PromptTooLong(f"{upstream.name}: {error}", seen_status=answer.status) from error
        raise error
    source = FORMATS[upstream.dialect]
    if call.peek.stream:
        return await _open_stream(call, attempt, upstream, answer, source, dropped, asked, may_be_empty)
    body = await answer.whole(MAX_ANSWER_BYTES)
    if body is None:
        raise Malformed("the answer is too big", fault="frame-too-big")
    whole = source.read_answer(body)
    try:
        if whole.is_empty:
            raise nothing(upstream.name, reasoned=whole.reasoned)
        if whole.fell_back:
            body = without_abandoned(body)
        if attempt.upstream.is_self_hosted:
            check_read(attempt.upstream, asked, whole.usage)
        if call.peek.needs & FORMED and call.dialect.name not in SIDE:
            check_form(call, source.name, False, body, upstream.name)
    except UpstreamError as error:
        error.usage = whole.usage
        raise
    model = whole.model or attempt.upstream.model
    if source is not call.dialect:
        body = translate_answer(body, source.name, call.dialect.name, model=model)
        dropped += LOST_REASONING if whole.thought else ()
    return Opened(attempt, dropped, body, model, whole.usage, whole=True, id=whole.id, fell_back=whole.fell_back)


async def _open_stream(
    call: Call,
    attempt: Attempt,
    upstream: Upstream,
    answer: Answer,
    source: AnyDialect,
    dropped: tuple[str, ...],
    asked: bytes,
    may_be_empty: bool,
) -> Opened:
    if "text/event-stream" not in answer.headers.get("content-type", ""):
        raise Malformed(f"{upstream.name} sent no event stream", fault="wrong-content-type")
    translator = None
    if source is not call.dialect:
        usage = call.peek.include_usage
        translator = StreamTranslator(source.name, call.dialect.name, attempt.upstream.model, include_usage=usage)
    decoder = source.decoder(choices=call.peek.n)
    # Asked for on our own behalf. What is translated tells callers no more than they asked for anyway.
    decoder.hides_usage = translator is None and bool(call.spending) and not call.peek.include_usage
    if attempt.upstream.is_self_hosted:
        decoder.doubts = partial(shortened, attempt.upstream, asked)
    stream = Stream(upstream.name, answer, decoder, translator)
    ready: list[bytes] = []
    hold = call.peek.holds or call.process.midstream == "hold"
    spoken = source.name if hold else call.dialect.name
    amount, due = Amount(call, attempt.upstream, answer, decoder, ready, spoken), CHECK_EVERY
    take = decoder.feed if hold else stream.take
    try:
        async for data in answer.chunks():
            ready.append(take(data))
            stream.check()
            if decoder.finished:
                break
            if decoder.committed and not hold:
                return opened_stream(attempt, dropped, b"".join(ready), stream)
            if answer.total >= due:
                due = answer.total + CHECK_EVERY
                amount.check()
        if hold:
            ready = [stream.held(b"".join(ready))]
        ready.append(stream.end())
    except RunawayOutput as stopped:
        told = stream.held(b"".join(ready)) if hold else b"".join(ready)
        told += stream.stop(call, told, amount)
        return opened_stream(attempt, dropped, told, stream, whole=True, stopped=stopped)
    except Cut as cut:
        raise stream.named(cut, call) from cut
    body = b"".join(ready)
    try:
        if decoder.is_empty and (decoder.reasoned or not may_be_empty):
            raise nothing(upstream.name, reasoned=decoder.reasoned)
        if call.peek.needs & FORMED:
            check_form(call, call.dialect.name, True, body, upstream.name)
    except UpstreamError as error:
        error.usage = decoder.usage
        raise
    return opened_stream(attempt, dropped, body, stream, whole=True)


def nothing(name: str, *, reasoned: bool) -> EmptyAnswer:
    """What an answer without content is."""
    kind = ReasoningOnly if reasoned else EmptyAnswer
    return kind(f"{name} answered with nothing{' but reasoning' if reasoned else ''}")


async def _some(answer: Answer, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for data in answer.chunks():
        parts.append(data)
        size += len(data)
        if size > most:
            answer.close()
            break
    return b"".join(parts)[:most]
