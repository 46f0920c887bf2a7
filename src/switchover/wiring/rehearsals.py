"""Rehearsals put together: candidates side by side, with what they share, their engines and the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from switchover.adaptation.demonstrations import anchor
from switchover.costs.tariffs import tariff
from switchover.domain.budget import is_free
from switchover.domain.candidate import PromptKind, PromptVersion, Verdict
from switchover.domain.charge import JUDGE, REHEARSAL
from switchover.domain.exchange import Exchange
from switchover.domain.people import Actor
from switchover.domain.process import Process, Settings, UpstreamSpec
from switchover.egress import Client
from switchover.errors import OperatorError, SwitchoverError
from switchover.evidence import events
from switchover.rehearsal import Among, Order, Progress, as_marked, credential, rehearse
from switchover.store import Store
from switchover.store.erasing import count_erased
from switchover.store.exchanges import has_answered, iter_exchanges, list_exchanges
from switchover.trial.metering import Account, Meter
from switchover.trial.record import words_of

from . import access
from .evidence import noting
from .judging import grading, judge_of
from .parts import CLOCK, open_store
from .trials import (
    ask_of,
    candidate_of,
    continuer_of,
    metering,
    own_engines,
    seen_of,
    terms_of,
    version_of,
    with_client,
)

# A baseline sample is drawn once and kept: worth a few tries. A candidate's failure is part of its score: one try.
BASELINE_TRIES = 4
# Callers who were answered so lately are likely to ask again: an engine with one slot is left to them.
LIVE_FOR_S, LOOK_S = 30.0, 2.0

Result = Verdict | SwitchoverError


def rehearse_candidate(
    settings: Settings,
    process: str,
    candidate: str,
    *,
    actor: Actor | None = None,
    prompt_version: str | None = None,
    seed: int = 1,
    budget: int | None = None,
    money: int | None = None,
    fewest: int = 0,
    refit: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Verdict:
    """Rehearses one candidate of a process; resumes what an earlier run began. Raises NotFound, EngineFailed …

    ``fewest`` replays are made even where the verdict is clear.
    """
    [(_, found)] = rehearse_candidates(
        settings,
        process,
        [candidate],
        actor=actor,
        prompt_version=prompt_version,
        seed=seed,
        budget=budget,
        money=money,
        fewest=fewest,
        refit=refit,
        progress=progress,
    )
    if isinstance(found, SwitchoverError):
        raise found
    return found


def rehearse_candidates(
    settings: Settings,
    process: str,
    candidates: Sequence[str],
    *,
    actor: Actor | None = None,
    prompt_version: str | None = None,
    seed: int = 1,
    budget: int | None = None,
    money: int | None = None,
    fewest: int = 0,
    refit: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
) -> list[tuple[str, Result]]:
    """Rehearses candidates of a process side by side; one that can't be is no hindrance to the others.

    The baseline is asked once for each second sample. Each candidate has its own budget of calls and of ``money``
    (micro-USD). Engines of this machine run one after the other. Raises NotFound, StoreUnavailable …
    """
    access.check(settings, actor, "rehearse", process)
    found = settings.processes[process]
    specs = [candidate_of(settings, found, name) for name in dict.fromkeys(candidates)]
    limit = money if money is not None else terms_of(found).budget
    if limit is not None:
        judge = terms_of(found).judge
        paid = [found.baseline, *([judge] if judge is not None else [])]
        _check_priced([*(settings.upstreams[name] for name in paid), *specs])
    given = Given(prompt_version, seed, budget, limit, fewest, refit, progress)

    async def run(client: Client) -> list[tuple[str, Result]]:
        baseline = settings.upstreams[found.baseline]
        with open_store(settings) as store, noting(settings, actor) as note:
            async with own_engines(settings, [baseline], client):
                seen = await seen_of(settings, [*specs, baseline], client)
                async with metering(settings, store) as meter:
                    bench = Bench(settings, found, seen.upstreams[baseline.name], store, client, note, given, meter)
                    return await bench.rehearse_all([seen.upstreams[spec.name] for spec in specs])

    return asyncio.run(with_client(settings, run))


def _check_priced(specs: Sequence[UpstreamSpec]) -> None:
    for spec in specs:
        if not is_free(spec) and tariff(spec, CLOCK.now()) is None:
            raise OperatorError(
                f"{spec.name} has no known price, so that a budget of money can't be kept to",
                mend=f"state one under upstreams.{spec.name}.price, or leave the budget of money out",
            )


@dataclass(frozen=True, slots=True)
class Given:
    """What was asked for of a run: ``calls`` and ``money`` (micro-USD) are each candidate's budget."""

    prompt_version: str | None
    seed: int
    calls: int | None
    money: int | None
    fewest: int
    refit: bool
    progress: Callable[[Progress], None]


class Bench:
    """One process's candidates and what they share."""

    def __init__(
        self,
        settings: Settings,
        process: Process,
        baseline: UpstreamSpec,
        store: Store,
        client: Client,
        note: events.Note,
        given: Given,
        meter: Meter,
    ) -> None:
        self._settings, self._process, self._baseline = settings, process, baseline
        self._store, self._client, self._note, self._given, self._meter = store, client, note, given, meter
        as_it_is = PromptVersion.make(process=process.name, upstream=baseline.name, kind=PromptKind.AS_IS)
        self._baseline_ask = ask_of(settings, as_it_is, client, self._account(baseline), tries=BASELINE_TRIES)
        self._anchor = _anchor(store, process)
        self._among: Among | None = None

    async def rehearse_all(self, specs: Sequence[UpstreamSpec]) -> list[tuple[str, Result]]:
        """Remote ones at the same time, those of this machine one after the other; results in the order given."""
        found: dict[str, Result] = {}

        async def one(spec: UpstreamSpec) -> None:
            try:
                found[spec.name] = await self._rehearse(spec)
            except SwitchoverError as error:
                found[spec.name] = error

        async def in_turn(own: Sequence[UpstreamSpec]) -> None:
            for spec in own:
                await one(spec)

        lanes: list[Awaitable[None]] = [one(spec) for spec in specs if not spec.is_own]
        try:
            await asyncio.gather(*lanes, in_turn([spec for spec in specs if spec.is_own]))
        finally:
            if self._among is not None:
                await self._among.close()
        return [(spec.name, found[spec.name]) for spec in specs]

    async def _rehearse(self, spec: UpstreamSpec) -> Verdict:
        version = version_of(self._store, self._process, spec, self._given.prompt_version)
        judge = judge_of(self._settings, self._process, [spec, self._baseline])
        engines = [spec, *([judge] if judge is not None else [])]
        async with (
            own_engines(self._settings, engines, self._client) as running,
            grading(self._settings, self._process, judge, self._client, self._judged) as scores,
        ):
            shared = spec.name in running
            order = self._order(_with_a_slot_to_spare(spec) if shared else spec, version)
            if self._among is None:
                self._among = Among.of(order, store=self._store, baseline_ask=self._baseline_ask, clock=CLOCK)
            return await rehearse(
                order,
                store=self._store,
                ask=ask_of(self._settings, version, self._client, self._account(spec)),
                baseline_ask=self._baseline_ask,
                grader=scores,
                clock=CLOCK,
                progress=self._given.progress,
                anchor=self._anchor,
                continuer=continuer_of(self._settings, version, self._client, self._account(spec)),
                note=self._note,
                among=self._among,
                busy=_busy(self._store, spec) if shared and spec.slots == 1 else None,
            )

    def _account(self, spec: UpstreamSpec) -> Account:
        return self._meter.account(self._process, spec, REHEARSAL)

    def _judged(self, judge: UpstreamSpec) -> Account:
        return self._meter.account(self._process, judge, JUDGE)

    def _order(self, spec: UpstreamSpec, version: PromptVersion) -> Order:
        served = {process.baseline for process in self._settings.processes.values()}
        live = {credential(self._settings.upstreams[name]) for name in served}
        order = Order(
            process=self._process,
            baseline=self._baseline,
            candidate=spec,
            prompt_version=version.id,
            seed=self._given.seed,
            concurrency=terms_of(self._process).concurrency,
            budget_calls=self._given.calls,
            budget=self._given.money,
            fewest=self._given.fewest,
            refit=self._given.refit,
            live=credential(spec) in live,
        )
        return as_marked(order, self._store)


def _with_a_slot_to_spare(spec: UpstreamSpec) -> UpstreamSpec:
    """An engine that callers may be asking, too: one slot is theirs."""
    return replace(spec, slots=max(spec.slots - 1, 1))


def _busy(store: Store, spec: UpstreamSpec) -> Callable[[], bool]:
    """Whether callers were answered by this engine lately; the store is asked every few seconds."""
    looked, busy = float("-inf"), False

    def look() -> bool:
        nonlocal looked, busy
        now = CLOCK.monotonic()
        if now - looked >= LOOK_S:
            looked, busy = now, has_answered(store, spec.name, since=CLOCK.now() - LIVE_FOR_S)
        return busy

    return look


# Newest exchanges in which the words of a topic are looked up.
LOOKED_UP = 5_000


def topic_words(settings: Settings, verdict: Verdict) -> dict[int, list[str]]:
    """What the topics that a verdict names are about: words that several of today's requests have in common.

    They are looked up in the record and kept nowhere. For whoever may rehearse, who may read the requests as well.
    """
    evidence = verdict.evidence
    named = {one.topic for one in (*evidence.found, *filter(None, [evidence.worst_topic]))}
    if not named:
        return {}
    process, epoch = verdict.cell.process, verdict.cell.epoch
    with open_store(settings) as store:
        newest = list_exchanges(store, process=process, limit=LOOKED_UP)
        return words_of(store, process, newest, epoch=epoch, topics=named)


def erased(settings: Settings, process: str) -> int:
    """How many exchanges of a process were erased: no trial meets them."""
    with open_store(settings) as store:
        return count_erased(store, process)


def _anchor(store: Store, process: Process) -> Callable[[Exchange], str | None] | None:
    if process.rehearse is None or process.rehearse.grader != "label":
        return None
    return anchor(process, iter_exchanges(store, process.name))
