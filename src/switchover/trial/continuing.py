"""Going on with an answer that broke off, outside live traffic: which answers are cut where, and how one is asked.

The recorded answer of the baseline is cut, the candidate goes on with it, and the two joined are graded. What the
caller would have had without the break is the recorded answer itself; so the baseline's score is that of its second
sample only where that began with the very same text and thus is another way to go on, else that of the recorded answer.
Otherwise the beginning, which both share, would hide a bad rest: of a label it may be all that matters.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from switchover.clock import Clock
from switchover.dialects.going_on import ask_rest, shown, stops_of
from switchover.dialects.seam import Join, tokens_in
from switchover.domain.answer import calls_tools
from switchover.domain.candidate import Continuation, PromptVersion
from switchover.domain.ports import Upstream
from switchover.domain.process import UpstreamSpec

from .ask import UNBILLED, Finish, asked, cost_at
from .cases import Case
from .metering import Account
from .replay import Reply
from .split import share

# Half the cases: at a margin of .10 a flawless candidate needs 29 of them, and at .05 59 of the others.
SHARE = 0.5
PROBE: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "Write the numbers from one to ten as English words, separated by commas."}
    ],
    "max_tokens": 40,
    "temperature": 0,
}
# Cut inside a word: whoever takes it for an answer that was given begins with a word, or a sentence.
PROBE_SENT, PROBE_GOES_ON = "one, two, three, four, five, six, sev", "one, two, three, four, five, six, seven"

AskRest = Callable[[dict[str, Any], str, Continuation], Awaitable[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuer:
    """A candidate that goes on with answers: ``ask(request, sent, way)`` replies with the joined text.

    ``probe`` is the same, tried more often, and without a prompt version; ``ways`` are those that its kind may know.
    """

    ask: AskRest
    probe: AskRest
    ways: tuple[Continuation, ...]

    async def way(self) -> Continuation | None:
        """The first way that works, asked and not declared; None when there is none."""
        for way in self.ways:
            if way is self.ways[-1]:
                return way
            reply = await self.probe(PROBE, PROBE_SENT, way)
            if reply.text is not None and reply.text.startswith(PROBE_GOES_ON):
                return way
        return None


def ways_of(spec: UpstreamSpec) -> tuple[Continuation, ...]:
    """The ways to go on that an upstream of this kind may know, best first; the last one needs no probe."""
    if spec.kind == "student":
        return ()
    if spec.kind == "local":
        return (Continuation.PREFILL,)
    if spec.kind == "anthropic":
        return (Continuation.PREFILL, Continuation.QUOTE)
    if spec.speaks == "responses":
        return (Continuation.QUOTE,)
    return (Continuation.RAW, Continuation.PREFILL, Continuation.QUOTE)


def continuer(
    spec: UpstreamSpec,
    upstream: Upstream,
    version: PromptVersion,
    plain: PromptVersion,
    data: bytes | None,
    clock: Clock,
    account: Account = UNBILLED,
) -> Continuer:
    """A continuer that asks ``upstream`` as ``version`` says; ``plain`` asks it as it is."""
    return Continuer(
        ask=_asker(spec, upstream, version, data, clock, account, tries=1),
        probe=_asker(spec, upstream, plain, None, clock, account, tries=4),
        ways=ways_of(spec),
    )


def _asker(
    spec: UpstreamSpec,
    upstream: Upstream,
    version: PromptVersion,
    data: bytes | None,
    clock: Clock,
    account: Account,
    *,
    tries: int,
) -> AskRest:
    async def ask(request: dict[str, Any], sent: str, way: Continuation) -> Reply:
        def joined(rest: str | None) -> str:
            join = Join(sent, shown(way, sent), stops)
            return sent + join.feed(rest or "") + join.close()

        def more(body: bytes) -> bytes:
            return ask_rest(body, upstream.dialect, way, sent, tokens_in(sent))

        stops = stops_of(msgspec.json.encode(request))
        finish = Finish(more, joined)
        return await asked(
            upstream, version, data, clock, request, tries=tries, spec=spec, finish=finish, cost=cost, account=account
        )

    cost = cost_at(spec, clock.now())
    return ask


def is_drawn(case: Case, seed: int) -> bool:
    """Whether a case is replayed cut, too; one whose answer can't be cut, or calls tools, never is."""
    if calls_tools(case.reference):
        return False
    return len(case.reference or "") > 1 and share("continue", seed, case.order) < SHARE


def sent_of(case: Case, seed: int) -> str:
    """The beginning of the recorded answer, cut by the seed between two of its characters."""
    text = case.reference or ""
    return text[: 1 + int(share("cut", seed, case.order) * (len(text) - 1))]


def without_break(sent: str, reference: str, second: str | None) -> str:
    """What the joined text is held against beside the record; see above."""
    return second if second is not None and second.startswith(sent) else reference
