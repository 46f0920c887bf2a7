"""One attempt: the request as this upstream takes it, and its answer up to the commit point."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from switchover import prompts
from switchover.dialects.across import StreamTranslator, translate_answer, translate_request
from switchover.dialects.side import SIDE
from switchover.dialects.sse import FrameDecoder
from switchover.domain.candidate import PromptKind
from switchover.domain.cut_off import CutOff
from switchover.domain.exchange import Usage
from switchover.domain.ports import Answer, OutboundRequest, Truncated, Upstream
from switchover.errors import BadRequest, Cut, EmptyAnswer, Malformed, ModelMissing, ReasoningOnly, SwitchoverError
from switchover.faults import FAULTS
from switchover.planning import Attempt
from switchover.upstreams.classify import classify, classify_failure

from .admit import FORMATS, AnyDialect, Call
from .form import FORMED, check_form

CUTS = {"tool": "tool-call-cut", "reasoning": "reasoning-cut"}
LOST_REASONING = ("answer.reasoning",)
MAX_ERROR_BYTES = 65_536
MAX_ANSWER_BYTES = 33_554_432
Artefacts = Callable[[str], bytes]


@dataclass(slots=True)
class Opened:
    """An answer that passed the commit point, or is whole.

    ``ready`` are bytes for the caller, in the caller's dialect; ``whole`` says that nothing follows. Else what follows
    comes from ``stream.answer``, to be put through :meth:`Stream.take`.
    """

    attempt: Attempt
    dropped: tuple[str, ...]
    ready: bytes
    model: str | None = None
    usage: Usage | None = None
    stream: Stream | None = None
    whole: bool = False


@dataclass(slots=True)
class Stream:
    """A streamed answer in progress: the upstream's bytes in, the caller's frames out."""

    name: str
    answer: Answer
    decoder: FrameDecoder
    translator: StreamTranslator | None

    def take(self, data: bytes) -> bytes:
        """Frames that may be relayed."""
        frames = self.decoder.feed(data)
        return self.translator.feed(frames) if self.translator is not None and frames else frames

    def check(self) -> None:
        """Raises the UpstreamError that an error event or a bad frame stands for."""
        if self.decoder.failure is not None:
            raise classify_failure(self.decoder.failure, self.name)

    def named(self, cut: Cut, call: Call) -> Cut:
        """A cut, by what it cut."""
        form = "schema-answer-cut" if "json_schema" in call.peek.needs else cut.fault
        return Cut(str(cut), fault=CUTS.get(self.decoder.inside, form))

    def end(self) -> bytes:
        """What is still owed after the last byte. Raises Cut when the stream ended before its terminal event."""
        self.check()
        closed = self.decoder.close()
        if isinstance(closed, Truncated):
            raise Cut(f"{self.name} broke off its answer", fault=closed.why)
        owed = b"" if self.decoder.finished else self.decoder.lost_terminal
        if self.translator is None:
            return owed
        return (self.translator.feed(owed) if owed else b"") + self.translator.close()


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
    if version is None or version.kind is PromptKind.AS_IS:
        if source == dialect:
            return call.dialect.with_model(call.body, model), ()
        return translate_request(call.body, source, dialect, model)
    body = call.body
    dropped: tuple[str, ...] = ()
    if source != "openai_chat":
        body, dropped = translate_request(body, source, "openai_chat", model)
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


def meets(cut: CutOff | None, exchange: str) -> CutOff | None:
    """The drilled cut-off if this exchange is in its share."""
    return cut if cut is not None and cut.reaches(exchange) else None


def ask(call: Call, upstream: Upstream, body: bytes, cut: CutOff | None) -> Awaitable[Answer]:
    """The upstream's answer at its head; behind a fault when a drill says so."""
    request = OutboundRequest(body=body, stream=call.peek.stream, headers=call.passed, answer_timeout=math.inf)
    if cut is None or cut.fault is None:
        return upstream.answer(request)
    answer: Awaitable[Answer] = FAULTS[cut.fault](**cut.settings).call(upstream, request)
    return answer


async def open_answer(
    call: Call, attempt: Attempt, upstream: Upstream, answer: Answer, dropped: tuple[str, ...]
) -> Opened:
    """Reads an answer up to its commit point, or to its end where nothing may be relayed before.

    Raises an UpstreamError for whatever is no answer. The caller of this function closes ``answer`` then.
    """
    if not 200 <= answer.status < 300:
        raise classify(answer.status, answer.headers, await _some(answer, MAX_ERROR_BYTES), upstream.name)
    source = FORMATS[upstream.dialect]
    if call.peek.stream:
        return await _open_stream(call, attempt, upstream, answer, source, dropped)
    body = await answer.whole(MAX_ANSWER_BYTES)
    if body is None:
        raise Malformed("the answer is too big", fault="frame-too-big")
    whole = source.read_answer(body)
    if whole.is_empty:
        raise nothing(upstream.name, reasoned=whole.reasoned)
    if call.peek.needs & FORMED and call.dialect.name not in SIDE:
        check_form(call, source.name, False, body, upstream.name)
    model = whole.model or attempt.upstream.model
    if source is not call.dialect:
        body = translate_answer(body, source.name, call.dialect.name, model=model)
        dropped += LOST_REASONING if whole.thought else ()
    return Opened(attempt, dropped, body, model, whole.usage, whole=True)


async def _open_stream(
    call: Call, attempt: Attempt, upstream: Upstream, answer: Answer, source: AnyDialect, dropped: tuple[str, ...]
) -> Opened:
    if "text/event-stream" not in answer.headers.get("content-type", ""):
        raise Malformed(f"{upstream.name} sent no event stream", fault="wrong-content-type")
    translator = None
    if source is not call.dialect:
        usage = call.peek.include_usage
        translator = StreamTranslator(source.name, call.dialect.name, attempt.upstream.model, include_usage=usage)
    decoder = source.decoder(choices=call.peek.n)
    stream = Stream(upstream.name, answer, decoder, translator)
    ready: list[bytes] = []
    hold = call.peek.holds or call.process.midstream == "hold"
    try:
        async for data in answer.chunks():
            ready.append(stream.take(data))
            stream.check()
            if decoder.finished:
                break
            if decoder.committed and not hold:
                return Opened(attempt, dropped + _lost(stream), b"".join(ready), stream=stream)
        ready.append(stream.end())
    except Cut as cut:
        raise stream.named(cut, call) from cut
    if decoder.is_empty:
        raise nothing(upstream.name, reasoned=decoder.reasoned)
    body = b"".join(ready)
    if call.peek.needs & FORMED:
        check_form(call, call.dialect.name, True, body, upstream.name)
    return Opened(attempt, dropped + _lost(stream), body, stream=stream, whole=True)


def _lost(stream: Stream) -> tuple[str, ...]:
    """What of an answer its translation leaves out: reasoning, which comes before anything is sent on."""
    return LOST_REASONING if stream.translator is not None and stream.decoder.reasoned else ()


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
