"""The grader of a process, made ready: a judge with its upstream and prices, a hook with its process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from switchover.costs.prices import price_call
from switchover.domain.budget import is_free
from switchover.domain.candidate import PromptKind, PromptVersion
from switchover.domain.judge import partiality
from switchover.domain.ports import Grader
from switchover.domain.process import Process, Settings, UpstreamSpec
from switchover.egress import Client
from switchover.errors import NotFound, OperatorError
from switchover.graders import gated, grader, hook
from switchover.graders.rubric import AskJudge, Opinion
from switchover.trial.ask import asker
from switchover.trial.metering import Account
from switchover.trial.replay import Reply, ask_in_time

from .parts import CLOCK, upstream

# A judge that fails leaves a case ungraded, so it is worth a few tries.
TRIES = 4
SECONDS = 120.0


def judge_of(settings: Settings, process: Process, judged: Sequence[UpstreamSpec]) -> UpstreamSpec | None:
    """The upstream that judges, if any does. Raises OperatorError when it is kin of what it is to judge."""
    if process.rehearse is None or process.rehearse.judge is None:
        return None
    judge = settings.upstreams[process.rehearse.judge]
    partial = next((why for spec in judged if (why := partiality(judge, spec)) is not None), None)
    if partial is not None:
        raise OperatorError(
            f"the judge is {partial}, and models favour their own",
            mend=f"name a judge of a third family under processes.{process.name}.rehearse.judge",
        )
    if not process.may_see(judge, settings.providers):
        raise OperatorError(
            f"the judge {judge.name} may not see {process.data} data",
            mend=f"name it under processes.{process.name}.allow, or another judge",
        )
    return judge


@asynccontextmanager
async def grading(
    settings: Settings,
    process: Process,
    judge: UpstreamSpec | None,
    client: Client,
    account: Callable[[UpstreamSpec], Account],
) -> AsyncIterator[Grader]:
    """The grader of a process, for as long as this lasts; ``account`` is what a judge is charged to.

    Raises NotFound, OperatorError.
    """
    if process.rehearse is None:
        raise NotFound(
            f"{process.name} does not say how candidates are judged", mend=f"add processes.{process.name}.rehearse"
        )
    if process.rehearse.grader != "hook":
        yield grader(
            process.rehearse, _ask(settings, process, judge, client, account(judge)) if judge is not None else None
        )
        return
    own = hook(process.rehearse)
    try:
        await own.start()
        yield gated(own, process.rehearse.settings)
    finally:
        await own.close()


def _ask(settings: Settings, process: Process, judge: UpstreamSpec, client: Client, account: Account) -> AskJudge:
    version = PromptVersion.make(process=process.name, upstream=judge.name, kind=PromptKind.AS_IS)
    endpoint = upstream(settings, judge, None, client)
    ask = asker(endpoint, version, None, CLOCK, tries=TRIES, spec=judge, account=account)

    async def opinion(request: dict[str, Any]) -> Opinion:
        reply = await ask_in_time(ask, request, SECONDS, CLOCK)
        return Opinion(reply.text, reply.error, _nusd(judge, reply))

    return opinion


def _nusd(judge: UpstreamSpec, reply: Reply) -> int | None:
    """What a call cost in billionths of a dollar; None where its price or its usage is not known."""
    if is_free(judge):
        return 0
    if reply.usage is None:
        return None
    amount = price_call(judge, reply.usage, CLOCK.now()).amount
    return None if amount is None else int((amount * 1_000_000_000).to_integral_value())
