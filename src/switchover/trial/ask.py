"""Asking an upstream outside live traffic: a prompt version applied, the whole answer read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from switchover import prompts
from switchover.clock import Clock
from switchover.dialects import DIALECTS
from switchover.dialects.across import translate_request
from switchover.dialects.shapes import Whole
from switchover.domain.candidate import PromptVersion
from switchover.domain.ports import OutboundRequest, Upstream
from switchover.domain.process import UpstreamSpec
from switchover.errors import CallerError, Cut, ModelSwapped, PromptShortened, UpstreamError
from switchover.upstreams.classify import classify
from switchover.upstreams.prompt_size import check_read

from .replay import Ask, Reply

# Between tries of a call that failed for no fault of the answer's: a trial has time, and is not worth a burst.
PAUSES_S = (0.2, 1.0, 3.0)
MOST_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Finish:
    """The last touch to the request's body, in the upstream's dialect, and the first to the answer's text."""

    body: Callable[[bytes], bytes]
    text: Callable[[str | None], str | None]


AS_IT_IS = Finish(lambda body: body, lambda text: text)


def asker(
    upstream: Upstream,
    version: PromptVersion,
    artefact: bytes | None,
    clock: Clock,
    *,
    tries: int = 1,
    spec: UpstreamSpec | None = None,
) -> Ask:
    """A function that puts an OpenAI chat request to ``upstream`` as ``version`` says.

    Its reply has a text, or None with the fault's id; a call that the upstream failed is tried ``tries`` times in all
    (4 at most). ``seconds`` is the last try's. ``spec``, where given, has the answer checked as a live one is: that the
    whole prompt was read, and by the model that was asked; another one's shows nothing of this one.
    """

    async def ask(request: dict[str, Any]) -> Reply:
        return await asked(upstream, version, artefact, clock, request, tries=tries, spec=spec)

    return ask


async def asked(
    upstream: Upstream,
    version: PromptVersion,
    artefact: bytes | None,
    clock: Clock,
    request: dict[str, Any],
    *,
    tries: int = 1,
    spec: UpstreamSpec | None = None,
    finish: Finish = AS_IT_IS,
) -> Reply:
    """One request put to ``upstream``; see :func:`asker`."""
    try:
        body = finish.body(_rendered(request, version, artefact, upstream))
    except CallerError as error:
        return Reply(None, 0.0, str(error))
    reply = Reply(None)
    for pause in (*PAUSES_S[: tries - 1], None):
        begun = clock.monotonic()
        try:
            read = await _answer(upstream, body, spec)
            text = finish.text(read.text)
            return Reply(text, clock.monotonic() - begun, None if text else "empty-answer", read.usage)
        except UpstreamError as error:
            too_long = isinstance(error, PromptShortened)
            said = f"{error.fault}: {error}" if too_long else error.fault
            reply = Reply(None, clock.monotonic() - begun, said)
            if error.stops or too_long or pause is None:
                break
        await clock.sleep(pause)
    return reply


def _rendered(request: Mapping[str, Any], version: PromptVersion, artefact: bytes | None, upstream: Upstream) -> bytes:
    asked = {name: value for name, value in request.items() if name not in ("stream", "stream_options")}
    body = msgspec.json.encode(prompts.apply(version, asked, artefact, model=upstream.model))
    if upstream.dialect == "openai_chat":
        return body
    return translate_request(body, "openai_chat", upstream.dialect, upstream.model)[0]


async def _answer(upstream: Upstream, body: bytes, spec: UpstreamSpec | None) -> Whole:
    answer = await upstream.answer(OutboundRequest(body=body, stream=False))
    try:
        whole = await answer.whole(MOST_BYTES)
        if whole is None:
            raise Cut(f"{upstream.name} sent more than {MOST_BYTES} bytes", fault="runaway-output")
    finally:
        answer.close()
    if answer.status >= 300:
        raise classify(answer.status, answer.headers, whole, upstream.name)
    read = DIALECTS[upstream.dialect].read_answer(whole)
    if read.fell_back or (spec is not None and read.model is not None and not spec.answers_to(read.model)):
        raise ModelSwapped(f"{upstream.name} answered as another model than {upstream.model}")
    if spec is not None:
        check_read(spec, body, read.usage)
    return read
