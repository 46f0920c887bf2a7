"""Asking an upstream outside live traffic: a prompt version applied, the whole answer read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from switchover import prompts
from switchover.clock import Clock
from switchover.costs.tariffs import tariff
from switchover.dialects import DIALECTS
from switchover.dialects.across import translate_request
from switchover.domain.answer import as_text
from switchover.domain.budget import LEEWAY, MOST_TOKENS, Tariff, is_free
from switchover.domain.candidate import PromptVersion
from switchover.domain.charge import Ending
from switchover.domain.exchange import Length, Usage
from switchover.domain.ports import OutboundRequest, Upstream
from switchover.domain.process import UpstreamSpec
from switchover.errors import (
    AddressRefused,
    CallerError,
    Cut,
    ModelSwapped,
    PromptShortened,
    Unreachable,
    Untrusted,
    UpstreamError,
)
from switchover.upstreams.classify import classify
from switchover.upstreams.prompt_size import check_read

from .caps import OverBudget
from .metering import Account, Unbilled
from .quota import share_left
from .replay import FREE, Ask, Reply, Sign, sign_of

# Between tries of a call that failed for no fault of the answer's: a trial has time, and is not worth a burst.
PAUSES_S = (0.2, 1.0, 3.0)
MOST_BYTES = 32 << 20
UNBILLED = Unbilled()

Cost = Callable[[Usage | None], int | None]


@dataclass(frozen=True, slots=True)
class Finish:
    """The last touch to the request's body, in the upstream's dialect, and the first to the answer's text."""

    body: Callable[[bytes], bytes]
    text: Callable[[str | None], str | None]


AS_IT_IS = Finish(lambda body: body, lambda text: text)


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer said: its text, what it used, and how much of the provider's quota was left (0-1)."""

    text: str | None
    usage: Usage | None
    left: float | None


def cost_at(spec: UpstreamSpec | None, at: float) -> Cost:
    """What a call of ``spec`` costs by its usage, in micro-USD at the prices of the moment ``at``; None: not known."""
    if spec is None:
        return lambda usage: None
    if is_free(spec):
        return lambda usage: FREE

    @cache
    def price() -> Tariff | None:
        # Published prices take 30 MB, which nobody needs before the first answer.
        return tariff(spec, at)

    def cost(usage: Usage | None) -> int | None:
        if usage is None or not usage.adds_up:
            return None
        found = price()
        return None if found is None else found.cost(usage)

    return cost


def asker(
    upstream: Upstream,
    version: PromptVersion,
    artefact: bytes | None,
    clock: Clock,
    *,
    tries: int = 1,
    spec: UpstreamSpec | None = None,
    account: Account = UNBILLED,
) -> Ask:
    """A function that puts an OpenAI chat request to ``upstream`` as ``version`` says; each try is charged to
    ``account``.

    Its reply has a text, or None with the fault's id; a call that the upstream failed is tried ``tries`` times in all
    (4 at most). ``seconds`` is the last try's. ``spec``, where given, has the answer checked as a live one is: that the
    whole prompt was read, and by the model that was asked; another one's shows nothing of this one.
    """

    cost = cost_at(spec, clock.now())

    async def ask(request: dict[str, Any]) -> Reply:
        return await asked(
            upstream, version, artefact, clock, request, tries=tries, spec=spec, cost=cost, account=account,
        )  # fmt: skip

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
    cost: Cost = lambda usage: None,
    account: Account = UNBILLED,
) -> Reply:
    """One request put to ``upstream``; see :func:`asker`."""
    try:
        body = finish.body(_rendered(request, version, artefact, upstream))
    except CallerError as error:
        return Reply(None, 0.0, str(error), cost=FREE)
    reply, spent = Reply(None), Spent()
    for pause in (*PAUSES_S[: tries - 1], None):
        try:
            attempt = account.begin(*_most(body, spec))
        except OverBudget as error:
            return Reply(None, 0.0, f"over budget: {error}", cost=FREE, sign=Sign.OVER_BUDGET)
        begun = clock.monotonic()
        try:
            told = await _answer(upstream, body, spec)
            attempt.ended(told.usage, Length(asked=len(body), said=len((told.text or "").encode())), Ending.ANSWERED)
            text = finish.text(told.text)
            empty = None if text else "empty-answer"
            amount = spent.with_(cost(told.usage))
            return Reply(text, clock.monotonic() - begun, empty, told.usage, amount, left=told.left)
        except asyncio.CancelledError:
            # Out of time, or given up: whoever was asked goes on, and bills it.
            attempt.ended(None, Length(asked=len(body)), Ending.ABANDONED)
            raise
        except UpstreamError as error:
            if _may_be_billed(error):
                attempt.ended(error.usage, Length(asked=len(body)), Ending.FAILED)
            else:
                attempt.dropped()
            reply = _failed(error, clock.monotonic() - begun, spent.with_(_billed(error, cost)))
            # Whoever puts us off or turns us away does so again at once; how long to wait is not ours to say here.
            if error.stops or isinstance(error, PromptShortened) or pause is None or reply.sign in NOT_NOW:
                break
        await clock.sleep(pause)
    return reply


class Limits(msgspec.Struct):
    """How much a request lets the model write, in each dialect's words."""

    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_output_tokens: int | None = None
    n: int | None = None


_limits = msgspec.json.Decoder(Limits)
# More than any window: what is fetched elsewhere has no bound in the bytes of the request.
UNBOUNDED = 1 << 40


def _most(body: bytes, spec: UpstreamSpec | None) -> tuple[int, int]:
    """The most tokens that a request can have its upstream read and write; a token covers a byte or more."""
    asked = _limits.decode(body)
    most = asked.max_completion_tokens or asked.max_tokens or asked.max_output_tokens
    if most is None:
        most = spec.max_output if spec is not None and spec.max_output is not None else MOST_TOKENS
    read = UNBOUNDED if b'"image_url"' in body or b'"file' in body else len(body)
    return read, (most + most // 10 + LEEWAY) * (asked.n or 1)


NOT_NOW = (Sign.PUT_OFF, Sign.TURNED_AWAY)


class Spent:
    """What the tries of one call cost together: not known as soon as one of them is not."""

    def __init__(self) -> None:
        self._sum: int | None = 0

    def with_(self, amount: int | None) -> int | None:
        """One more try; the sum."""
        self._sum = None if amount is None or self._sum is None else self._sum + amount
        return self._sum


def _billed(error: UpstreamError, cost: Cost) -> int | None:
    """What a failed try cost: nothing before an answer began, and what its usage says where that was told."""
    if error.usage is not None:
        return cost(error.usage)
    return None if _may_be_billed(error) else FREE


def _may_be_billed(error: UpstreamError) -> bool:
    """Whether a failed try may cost something: an answer had begun, or nobody knows."""
    if error.usage is not None:
        return True
    return error.seen_status is None and not isinstance(error, (Unreachable, Untrusted, AddressRefused))


def _failed(error: UpstreamError, seconds: float, cost: int | None) -> Reply:
    said = f"{error.fault}: {error}" if isinstance(error, PromptShortened) else error.fault
    return Reply(None, seconds, said, error.usage, cost, sign_of(error), error.retry_after)


def _rendered(request: Mapping[str, Any], version: PromptVersion, artefact: bytes | None, upstream: Upstream) -> bytes:
    asked = {name: value for name, value in request.items() if name not in ("stream", "stream_options")}
    body = msgspec.json.encode(prompts.apply(version, asked, artefact, model=upstream.model))
    if upstream.dialect == "openai_chat":
        return body
    return translate_request(body, "openai_chat", upstream.dialect, upstream.model)[0]


async def _answer(upstream: Upstream, body: bytes, spec: UpstreamSpec | None) -> Told:
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
    text = as_text(read.text, [(call.name, call.arguments) for call in read.tool_calls])
    return Told(text, read.usage, share_left(answer.headers))
